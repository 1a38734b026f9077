//! `GET /badges`

use heartbeat_tests::{Server, client::http};

#[tokio::test]
async fn the_snippets_have_no_control_characters_of_the_query() {
    let (server, _database) = Server::fresh().await;
    let page = server.stranger().get("/badges?label=a%00b%1B%5Bc%0D%0Ad&color=%0Ared&badge=%07").await.body;
    assert!(
        page.contains("/badge/last-seen?label=ab%5Bc+d&amp;color=red")
            || page.contains("/badge/last-seen?label=ab%5Bc+d&#38;color=red"),
        "{page}"
    );
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{page}");
}

#[tokio::test]
async fn a_color_that_is_none_leaves_no_snippet() {
    let (server, _database) = Server::fresh().await;
    let page = server.stranger().get("/badges?color=notacolor").await.body;
    assert!(page.contains("value=\"notacolor\"") && page.contains("aria-invalid=\"true\""), "{page}");
    assert!(page.contains("aria-describedby=\"color-problem\"") && page.contains("Not a color."), "{page}");
    assert!(!page.contains("/badge/last-seen"), "{page}");
}

#[tokio::test]
async fn devices_of_one_name_have_their_ids_beside_it() {
    let (server, _database) = Server::fresh().await;
    for name in ["Laptop", "Phone", "Laptop"] {
        server.device(name).await;
    }
    let page = server.stranger().get("/badges?device=2").await.body;
    for option in [
        "<option value=\"0\">Laptop (id 0)</option>",
        "<option value=\"1\">Phone</option>",
        "<option value=\"2\" selected>Laptop (id 2)</option>",
    ] {
        assert!(page.contains(option), "{page}");
    }
    assert!(page.contains("alt=\"Laptop last online\""), "{page}");
}

/// What the badge shows is what the snippets say: `labelColor` and `color` reach the badge as they are.
#[tokio::test]
async fn a_translucent_color_is_drawn_as_the_snippets_say() {
    let (server, _database) = Server::fresh().await;
    let page = server.stranger().get("/badges?color=%2311223380").await.body;
    assert!(page.contains("src=\"/badge/last-seen?color=%2311223380\""), "{page}");
    let badge = server.stranger().get("/badge/last-seen?color=%2311223380").await;
    assert!(badge.status == 200 && badge.body.contains("fill=\"#11223380\""), "{badge}");
}

#[tokio::test]
async fn updates_of_the_open_page_are_no_visits() {
    let (server, _database) = Server::fresh().await;
    let base = format!("http://127.0.0.1:{}", server.port());
    let http = http().build().expect("a client");
    for style in ["plastic", "social"] {
        let update = http.get(format!("{base}/badges?style={style}")).header("x-requested-with", "fetch");
        let response = update.send().await.expect("a response");
        assert_eq!(response.status(), 200);
        assert!(response.text().await.expect("a page").contains(&format!("/badge/last-seen?style={style}")));
    }
    server.stranger().get("/badges").await;
    assert_eq!(server.stranger().stats().await["num_visits"], 1);
}
