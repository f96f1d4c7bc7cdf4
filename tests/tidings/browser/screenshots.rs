//! The pictures in `site-example/screenshots`, which the README shows, made anew:
//!
//! ```text
//! cargo test --test tidings browser::screenshots -- --ignored
//! ```

use std::path::Path;

use serde_json::json;

use super::chromium::{Area, Colours, Page, Scripts, View};
use super::said::Said;
use super::stage::{PAGE, Policy, Stage, Way};

/// The most that one may weigh, in bytes.
const LIMIT: usize = 150 * 1024;

const DESK: View = View {
    width: 860,
    colours: Colours::Light,
    scripts: Scripts::On,
};
const DESK_AT_NIGHT: View = View {
    colours: Colours::Dark,
    ..DESK
};
const PHONE: View = View { width: 390, ..DESK };
const PHONE_AT_NIGHT: View = View {
    colours: Colours::Dark,
    ..PHONE
};

/// No theme at all: what a browser makes of plain HTML.
const UNDRESSED: &str = "document.querySelector('link[href=\"/style.css\"]').remove()";
/// A theme that dresses everything by its name.
const LOUD: &str = "document.head.insertAdjacentHTML('afterbegin', `<style>\
    header { position: sticky; top: 0; padding: 2rem; background: #246; color: #fff; text-align: center }\
    footer { padding: 3rem; background: #246; color: #fff; text-align: center }\
    article { padding: 2rem; border: 3px solid #246; border-radius: 1rem; background: #fff; box-shadow: 0 0 2rem #0004 }\
    .thread p { margin: 2rem 0; text-indent: 2em } .thread ul li, .thread ol li { margin: 1rem 0 1rem 2rem; padding: 0.5rem; list-style: square }\
    .thread ul, .thread ol { margin: 2rem; padding: 2rem; background: #fed } .thread img { width: 100%; border: 5px solid #a00; margin: 2rem auto; border-radius: 0 }\
    .thread a { background: #ff0; border-bottom: 3px solid #a00; box-shadow: 0 2px #000; text-decoration: underline }\
    .thread h2, .thread h3 { text-transform: uppercase; text-align: center; border-bottom: 5px solid #a00; letter-spacing: 0.3em; padding: 1rem }\
    details { padding: 2rem; background: #fce } summary { font-weight: bold; font-size: 1.5rem } section { max-width: 50rem }\
    blockquote { font-style: italic; background: #ddd; padding: 2rem; margin: 3rem } pre, code { background: #000; color: #0f0; padding: 1rem }\
    time { font-size: 2rem }</style>`)";
/// The whole site is written from right to left.
const MIRRORED: &str = "document.documentElement.dir = 'rtl'";
/// Everything that is folded is unfolded.
const UNFOLDED: &str =
    "document.querySelectorAll('.tidings details').forEach((fold) => { fold.open = true })";

/// Name, view, what is done to the page, and what of the thread is taken: from where, and how much at most.
const PICTURES: [(&str, View, &str, &str, f64); 10] = [
    ("thread-light", DESK, "", ".tidings-thread", 1680.0),
    ("thread-dark", DESK_AT_NIGHT, "", ".tidings-thread", 1680.0),
    (
        "pictures-light",
        DESK,
        "",
        ".tidings-thread > ol > li:nth-of-type(2)",
        1900.0,
    ),
    (
        "pictures-dark",
        DESK_AT_NIGHT,
        UNFOLDED,
        ".tidings-thread > ol > li:nth-of-type(3)",
        1500.0,
    ),
    ("phone-light", PHONE, "", ".tidings-thread", 1300.0),
    ("phone-dark", PHONE_AT_NIGHT, "", ".tidings-thread", 1300.0),
    ("right-to-left", DESK, MIRRORED, ".tidings-thread", 1150.0),
    ("without-a-theme", DESK, UNDRESSED, ".tidings-thread", 1150.0),
    ("beside-a-loud-theme", DESK, LOUD, ".thread", 1400.0),
    ("counts-and-follow", DESK, "", ".thread", 120.0),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes site-example/screenshots"]
async fn the_pictures_are_made_anew() {
    let Some(stage) = Stage::start("").await else {
        return;
    };
    let said = Said::nobody(["127.0.0.46", "127.0.0.47"], &stage).await;
    said.everything(&stage).await;
    for (name, view, change, from, height) in PICTURES {
        let page = stage.browser.page(view).await;
        page.open(&stage.url(PAGE, Way::Include, Policy::None)).await;
        dress(&page, &said, &stage).await;
        page.evaluate(change).await;
        page.rest().await;
        let area = page.area(from).await;
        let whole = Area {
            x: 0.0,
            y: area.y - 20.0,
            width: view.width.into(),
            height,
        };
        write(name, &page.picture(whole).await);
        page.close().await;
    }
    let form = format!(
        "{}/ap/interact?intent=reply&uri={}",
        stage.world.origin,
        stage.object()
    );
    let note = said.note_of_owner(&stage).await;
    for (name, view, url) in [
        ("form-light", PHONE, &form),
        ("form-dark", PHONE_AT_NIGHT, &form),
        ("note-light", DESK, &note),
    ] {
        let page = stage.browser.page(view).await;
        page.open(url).await;
        dress(&page, &said, &stage).await;
        let area = page.area("body").await;
        write(name, &page.picture(area).await);
        page.close().await;
    }
}

/// Writes names in place of this machine's addresses.
async fn dress(page: &Page, said: &Said, stage: &Stage) {
    let names = said
        .hosts()
        .into_iter()
        .chain([stage.world.origin.clone()])
        .map(|origin| {
            let host = origin.trim_start_matches("http://").to_string();
            (host, origin)
        });
    for ((host, _), name) in names.zip([
        "mastodon.example",
        "bookbinders.example",
        "thread-and-paste.example",
    ]) {
        page.evaluate(&format!(
            "(() => {{ const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);\
             while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll({0}, {1}).replaceAll('http://' + {1}, 'https://' + {1});\
             for (const field of document.querySelectorAll('input')) field.value = field.value.replaceAll('http://' + {0}, 'https://' + {1}) }})()",
            json!(host),
            json!(name)
        ))
        .await;
    }
}

/// Writes a picture with a palette, which is enough for letters on paper.
fn write(name: &str, png: &[u8]) {
    let pixels = image::load_from_memory(png).unwrap().to_rgba8();
    let palette = color_quant::NeuQuant::new(3, 256, pixels.as_raw());
    let indices: Vec<u8> = pixels
        .pixels()
        .map(|pixel| u8::try_from(palette.index_of(&pixel.0)).unwrap())
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.color_map_rgb());
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&indices)
        .unwrap();
    assert!(bytes.len() < LIMIT, "{name} weighs {} bytes", bytes.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("site-example/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
}
