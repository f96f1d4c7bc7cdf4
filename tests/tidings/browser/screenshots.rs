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
/// The whole site is written from right to left.
const MIRRORED: &str = "document.documentElement.dir = 'rtl'";
/// Everything that is folded is unfolded.
const UNFOLDED: &str =
    "document.querySelectorAll('.tidings details').forEach((fold) => { fold.open = true })";

/// Name, view, what is done to the page, and what of the thread is taken: from where, and how much at most.
const PICTURES: [(&str, View, &str, &str, f64); 9] = [
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
    for (name, view) in [("form-light", PHONE), ("form-dark", PHONE_AT_NIGHT)] {
        let page = stage.browser.page(view).await;
        page.open(&format!(
            "{}/ap/interact?intent=reply&uri={}",
            stage.world.origin,
            stage.object()
        ))
        .await;
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
