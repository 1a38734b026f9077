//! What the form makes of a query.

use heartbeat_core::stats::DeviceStats;

use super::form::{Form, named};

fn devices(names: &[Option<&str>]) -> Vec<DeviceStats> {
    let device = |(id, name): (i64, &Option<_>)| DeviceStats {
        id,
        former_id: None,
        name: name.map(Into::into),
        last_beat: None,
        num_beats: 0,
    };
    (0..).zip(names).map(device).collect()
}

/// Markdown, HTML and URL of what a query describes.
fn snippets(query: &str, devices: &[DeviceStats]) -> [String; 3] {
    let form = Form::parse(query, devices);
    form.snippets(|path| format!("https://beat.example.org{path}")).map(|(_, _, text)| text)
}

#[test]
fn snippets_are_escaped_for_their_format() {
    let [markdown, html, _] =
        snippets("badge=total-beats&format=.png&label=a%5Db+%22%3C%26|&style=&color=%23fff&x=1", &[]);
    insta::assert_snapshot!(
        markdown,
        @r##"[![a\]b "\<\&\|](https://beat.example.org/badge/total-beats.png?label=a%5Db+%22%3C%26%7C&color=%23fff)](https://beat.example.org/)"##
    );
    insta::assert_snapshot!(
        html,
        @r##"<a href="https://beat.example.org/"><img src="https://beat.example.org/badge/total-beats.png?label=a%5Db+%22%3C%26%7C&amp;color=%23fff" alt="a]b &quot;&lt;&amp;|"></a>"##
    );
}

#[test]
fn what_the_form_does_not_offer_is_the_default() {
    let [markdown, ..] = snippets("badge=unknown&format=.json&style=round&logo=a&device=7&device=x", &[]);
    insta::assert_snapshot!(
        markdown,
        @"[![last online](https://beat.example.org/badge/last-seen)](https://beat.example.org/)"
    );
}

#[test]
fn the_alternative_text_has_the_name_of_the_device() {
    let devices = devices(&[Some("Laptop"), None]);
    for (query, text) in [
        ("device=0", "Laptop last online"),
        ("device=0&badge=total-beats", "Laptop total beats"),
        ("device=0&label=seen", "Laptop seen"),
        ("device=0&label=My+Laptop", "My Laptop"),
        ("device=0&label=seen&noLabel=1", "Laptop last online"),
        ("device=1", "last online"),
        ("noLabel=1", "last online"),
    ] {
        assert_eq!(Form::parse(query, &devices).alt_text(), text, "{query}");
    }
}

#[test]
fn an_empty_field_is_the_default_label_and_no_label_an_empty_one() {
    assert_eq!(Form::parse("label=", &[]).path(), "/badge/last-seen");
    assert_eq!(Form::parse("label=&noLabel=1", &[]).path(), "/badge/last-seen?label=");
}

#[test]
fn control_characters_of_the_query_do_not_reach_the_snippets() {
    let devices = devices(&[Some("Lap\u{202e}top")]);
    let query = "device=0&label=a%00b%0D%0Ac%1B%5B31m%E2%80%AE&color=%0Ared%09&labelColor=%7Fblue";
    for snippet in snippets(query, &devices) {
        assert!(
            !snippet.is_empty() && !snippet.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{snippet:?}"
        );
    }
    let path = Form::parse(query, &devices).path();
    assert_eq!(path, "/badge/last-seen?device=0&label=ab+c%5B31m&labelColor=blue&color=red");
}

#[test]
fn there_is_no_snippet_for_a_color_that_is_none() {
    for query in ["color=notacolor", "labelColor=%2312345", "color=red%3B"] {
        assert_eq!(snippets(query, &[]), ["", "", ""], "{query}");
    }
}

#[test]
fn social_badges_have_fixed_colors() {
    assert_eq!(
        Form::parse("style=social&color=notacolor&labelColor=red", &[]).path(),
        "/badge/last-seen?style=social"
    );
    assert!(!snippets("style=social&color=notacolor", &[])[0].is_empty());
}

#[test]
fn translucent_colors_stay_as_they_are() {
    for (query, path) in [
        ("color=%2311223380", "/badge/last-seen?color=%2311223380"),
        ("color=rgb(1+2+3+/+50%25)", "/badge/last-seen?color=rgb%281+2+3+%2F+50%25%29"),
    ] {
        assert_eq!(Form::parse(query, &[]).path(), path);
    }
}

#[test]
fn a_picture_has_the_parameters_of_pictures_alone() {
    for (query, path) in [
        ("badge=heatmap", "/heatmap.svg"),
        ("badge=heatmap&theme=light&week_start=monday&logo=none&style=social&labelColor=x", "/heatmap.svg"),
        (
            "badge=heatmap&format=.png&theme=dark&week_start=sunday",
            "/heatmap.png?theme=dark&week_start=sunday",
        ),
        (
            "badge=card&theme=auto&color=%23f80&bg=transparent&hide_border=true&hide=beats&hide=name&hide=x",
            "/card.svg?theme=auto&color=%23f80&bg=transparent&hide_border=true&hide=name,beats",
        ),
        ("badge=card&label=&noLabel=1&week_start=sunday", "/card.svg?label="),
        ("theme=dark&bg=transparent&hide=name&hide_border=true", "/badge/last-seen"),
    ] {
        assert_eq!(Form::parse(query, &[]).path(), path, "{query}");
    }
    assert!(Form::parse("badge=card&labelColor=notacolor", &[]).is_valid());
    assert!(!Form::parse("badge=card&style=social&color=notacolor", &[]).is_valid());
}

#[test]
fn of_two_themes_the_page_chooses() {
    let devices = devices(&[Some("<Laptop>")]);
    let [markdown, html, url] = snippets("badge=heatmap&device=0", &devices);
    insta::assert_snapshot!(
        html,
        @r#"<a href="https://beat.example.org/"><picture><source media="(prefers-color-scheme: dark)" srcset="https://beat.example.org/heatmap.svg?device=0&amp;theme=dark"><img src="https://beat.example.org/heatmap.svg?device=0" alt="&lt;Laptop&gt; days in use"></picture></a>"#
    );
    assert_eq!((markdown, url.as_str()), (html, "https://beat.example.org/heatmap.svg?device=0"));
    let [markdown, ..] = snippets("badge=card&theme=dark", &[]);
    insta::assert_snapshot!(
        markdown,
        @"[![heartbeat](https://beat.example.org/card.svg?theme=dark)](https://beat.example.org/)"
    );
}

#[test]
fn the_element_is_html_alone() {
    let devices = devices(&[Some("Laptop")]);
    let [markdown, html, url] = snippets("badge=live&device=0&color=notacolor", &devices);
    insta::assert_snapshot!(html, @r#"
    <script async src="https://beat.example.org/embed.js"></script>
    <heartbeat-status src="https://beat.example.org" device="0"></heartbeat-status>
    "#);
    assert_eq!((markdown, url), (String::new(), String::new()));
}

#[test]
fn devices_that_look_alike_have_their_id_beside_the_name() {
    let devices = devices(&[Some("Laptop"), Some("Phone"), Some("Lap\u{200e}top"), None, None]);
    let names: Vec<_> = named(&devices).into_iter().map(|(_, name)| name).collect();
    assert_eq!(
        names,
        [
            "Laptop (id 0)",
            "Phone",
            "Laptop (id 2)",
            "A device without a name (id 3)",
            "A device without a name (id 4)",
        ]
    );
}
