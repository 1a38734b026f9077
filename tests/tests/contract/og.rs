//! `GET /og.png`

use heartbeat_tests::{Database, Server, ServerBuilder, skipped};

#[tokio::test]
async fn the_open_graph_image_changes_with_a_beat() {
    let (server, _database) = Server::fresh().await;
    let before = server.stranger().get("/og.png").await;
    assert_eq!((before.status, before.header("content-type")), (200, "image/png"));
    assert_eq!(before.bytes[16..24], [0, 0, 4, 176, 0, 0, 2, 118], "1200 by 630");
    server.device("Laptop").await.beat().await;
    let after = server.stranger().get("/og.png").await;
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_ne!(before.bytes, after.bytes);
}

#[tokio::test]
async fn the_preview_of_a_link_says_as_of_when() {
    let (server, _database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    for path in ["/", "/stats"] {
        let page = server.stranger().get(path).await.body;
        let description = page.lines().find(|line| line.contains("\"og:description\"")).unwrap_or_default();
        assert!(description.contains("Last heartbeat ") && description.contains(" (as of "), "{description}");
        assert!(description.contains(" UTC)"), "{description}");
    }
}

/// Boxes in the place of different characters would be equal images.
#[tokio::test]
async fn chinese_and_emoji_are_drawn_with_fonts_of_the_system() {
    if !std::path::Path::new("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf").exists() {
        assert!(std::env::var_os("CI").is_none(), "infra/scripts/install-browser installs fonts");
        skipped("the fonts that infra/scripts/install-browser installs are missing");
        return;
    }
    let database = Database::create().await;
    let mut images = Vec::new();
    for name in ["携", "帯", "📱", "📞"] {
        let server = ServerBuilder::on(&database).environment("HEARTBEAT_SERVER_NAME", name).start().await;
        images.push(server.stranger().get("/og.png").await.bytes);
        images.push(server.stranger().get(&format!("/badge/total-beats.png?label={name}")).await.bytes);
    }
    for (index, image) in images.iter().enumerate() {
        assert!(!images[..index].contains(image), "image {index} is a repetition");
    }
}

#[tokio::test]
async fn without_a_database_it_answers_503() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    assert_eq!(server.stranger().get("/og.png").await.status, 503);
}
