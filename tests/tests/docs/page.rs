//! A page as its reader sees it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Its file, below the top of the repository.
    pub(crate) path: String,
    /// What links may lead to in it.
    pub(crate) anchors: BTreeSet<String>,
    /// Where links and pictures lead.
    pub(crate) targets: Vec<String>,
    /// The blocks of code.
    pub(crate) blocks: Vec<Block>,
    /// Headings and cells of tables that are nothing but code.
    pub(crate) messages: Vec<String>,
}

/// A block of code.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    /// The language: the first word behind the fence.
    pub(crate) language: String,
    /// The words behind the language.
    pub(crate) marks: Vec<String>,
    /// What stands in it.
    pub(crate) text: String,
    /// Whether the block before it stands right before it.
    pub(crate) follows: bool,
}

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A page of the book.
pub(crate) fn page(name: &str) -> Page {
    Page::read(&format!("docs/{name}"))
}

/// All pages of the book but the table of contents.
pub(crate) fn pages() -> Vec<Page> {
    let files = fs::read_dir(top().join("docs")).expect("the folder of the book");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let is_page =
        |name: &String| Path::new(name).extension().is_some_and(|it| it == "md") && name != "SUMMARY.md";
    let mut names: Vec<String> = names.filter(is_page).collect();
    names.sort();
    names.iter().map(|name| page(name)).collect()
}

impl Page {
    /// Reads the page at `path`, below the top of the repository.
    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(top().join(path)).expect(path);
        let mut page = Self { path: path.to_owned(), ..Self::default() };
        let mut slugs = BTreeMap::new();
        // Of the heading or cell that is being read: its text, and whether it is nothing but code.
        let (mut title, mut only_code) = (String::new(), false);
        let mut in_block = false;
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. } | Tag::TableCell) => {
                    (title, only_code) = (String::new(), true);
                }
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.insert(slug(&title, &mut slugs));
                    page.note_message(&title, only_code);
                }
                Event::End(TagEnd::TableCell) => page.note_message(&title, only_code),
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    let mut words = info.split(' ').map(str::to_owned);
                    let language = words.next().unwrap_or_default();
                    let follows = std::mem::replace(&mut in_block, true);
                    page.blocks.push(Block { language, marks: words.collect(), follows, ..Block::default() });
                    continue;
                }
                Event::Text(text) if in_block => {
                    page.blocks.last_mut().expect("the block").text.push_str(&text);
                    continue;
                }
                Event::End(TagEnd::CodeBlock) => continue,
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.targets.push(dest_url.into_string());
                }
                Event::Code(code) => title.push_str(&code),
                Event::Text(text) => {
                    title.push_str(&text);
                    only_code = false;
                }
                _ => {}
            }
            in_block = false;
        }
        page
    }

    fn note_message(&mut self, title: &str, only_code: bool) {
        if only_code && !title.is_empty() {
            self.messages.push(title.to_owned());
        }
    }

    /// The blocks in a language.
    pub(crate) fn blocks_in(&self, language: &str) -> Vec<&Block> {
        self.blocks.iter().filter(|block| block.language == language).collect()
    }
}

/// What a link to a heading says, by the rule that GitHub and mdBook share; one that comes again gets a
/// number.
fn slug(title: &str, seen: &mut BTreeMap<String, usize>) -> String {
    let kept = title.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    let slug: String = kept.collect();
    let count = seen.entry(slug.clone()).or_default();
    *count += 1;
    if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
}

#[test]
fn a_page_is_taken_apart() {
    let page = page("contributing.md");
    assert!(page.anchors.contains("adding-an-sql-statement"), "{:?}", page.anchors);
    let mut seen = BTreeMap::new();
    assert_eq!(slug("`a` (b): it's _c_", &mut seen), "a-b-its-_c_");
    assert_eq!(slug("`a` b its _c_", &mut seen), "a-b-its-_c_-1");
}
