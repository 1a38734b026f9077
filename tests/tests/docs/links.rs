//! Every link leads somewhere.

use std::path::Path;

use crate::page::{Page, page, pages, top};

/// A link within the repository, as the file and the heading that it leads to. `None` if it leads elsewhere.
fn split<'a>(page: &'a Page, target: &'a str) -> Option<(String, &'a str)> {
    if ["http://", "https://"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(&page.path).parent().expect("a folder");
    let file = if file.is_empty() { page.path.clone() } else { folder.join(file).display().to_string() };
    Some((file, anchor))
}

#[test]
fn every_link_and_picture_leads_to_something_that_exists() {
    let mut seen = 0;
    for page in pages().into_iter().chain([Page::read("README.md"), page("SUMMARY.md")]) {
        for target in &page.targets {
            let Some((file, anchor)) = split(&page, target) else { continue };
            seen += 1;
            assert!(top().join(&file).is_file(), "{} links to {target}: no such file", page.path);
            if !anchor.is_empty() {
                let anchors = Page::read(&file).anchors;
                assert!(anchors.contains(anchor), "{} links to {target}; there are {anchors:?}", page.path);
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

/// The rendered book has nothing but what is in `docs`.
#[test]
fn no_link_of_the_book_leaves_it() {
    for page in pages() {
        for target in &page.targets {
            let inside = split(&page, target).is_none_or(|(file, _)| !file.contains(".."));
            assert!(inside, "{} links to {target}", page.path);
        }
    }
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let mut listed = page("SUMMARY.md").targets;
    listed.sort();
    let pages: Vec<String> = pages().iter().map(|page| page.path.replace("docs/", "")).collect();
    assert_eq!(listed, pages);
}

#[test]
fn every_picture_is_shown() {
    let shown: Vec<String> = pages().into_iter().flat_map(|page| page.targets).collect();
    for file in std::fs::read_dir(top().join("docs/images")).expect("the pictures") {
        let name = file.expect("a file").file_name().into_string().expect("a name");
        assert!(shown.contains(&format!("images/{name}")), "nobody shows {name}");
    }
}
