//! Pictures as they come, honest and hostile.

use std::io::Write as _;

use image::{GenericImageView as _, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

/// A photo: nothing in it repeats. Its left half is red, its right half blue.
fn photo(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 7) as u8 % 60;
        match x < width / 2 {
            true => Rgb([255 - noise, noise, noise]),
            false => Rgb([noise, noise, 255 - noise]),
        }
    }))
}

fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn seen(picture: &Picture) -> DynamicImage {
    let image = image::load_from_memory(&picture.bytes).unwrap();
    let format = picture.format;
    assert_eq!(
        image.dimensions(),
        (u32::from(format.width), u32::from(format.height))
    );
    image
}

/// A chunk of a PNG, with its check sum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = !0u32;
    for byte in kind.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(data);
    chunk.extend((!crc).to_be_bytes());
    chunk
}

/// A PNG that claims this size, with this image data.
fn png_of(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(chunk(b"IHDR", &header));
    bytes.extend(chunk(b"IDAT", data));
    bytes.extend(chunk(b"IEND", b""));
    bytes
}

/// The Exif of a camera: which way is up, and where it was.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    // A text of 24 bytes behind the directory: where it was taken.
    tiff.extend([0x0e, 0x01, 2, 0, 24, 0, 0, 0, 38, 0, 0, 0]);
    tiff.extend([0; 4]);
    tiff.extend(b"GPS 52.5200 N 13.4050 E\0");
    tiff
}

/// A JPEG with such a segment behind its first marker.
fn jpeg_with_exif(image: &DynamicImage, orientation: u8) -> Vec<u8> {
    let plain = file(image, ImageFormat::Jpeg);
    let mut segment = b"Exif\0\0".to_vec();
    segment.extend(exif(orientation));
    let mut bytes = plain[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((segment.len() as u16 + 2).to_be_bytes());
    bytes.extend(segment);
    bytes.extend(&plain[2..]);
    bytes
}

#[test]
fn every_format_is_scaled_down_to_what_is_shown_and_never_up() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
    ] {
        let large = file(&photo(1600, 900), format);
        let avatar = remake(&large, Purpose::Avatar).unwrap();
        assert_eq!(
            (avatar.format.width, avatar.format.height),
            (96, 96),
            "{format:?}"
        );
        assert!(
            avatar.bytes.len() < 12_000,
            "{format:?}: {} bytes",
            avatar.bytes.len()
        );
        let shown = seen(&avatar);
        let (left, right) = (shown.get_pixel(20, 48), shown.get_pixel(76, 48));
        assert!(
            left[0] > 150 && left[2] < 100 && right[2] > 150 && right[0] < 100,
            "{format:?}: {left:?} {right:?}"
        );
        let attached = remake(&large, Purpose::Attachment).unwrap();
        assert_eq!((attached.format.width, attached.format.height), (1280, 720));
        let small = remake(&file(&photo(40, 30), format), Purpose::Attachment).unwrap();
        assert_eq!((small.format.width, small.format.height), (40, 30));
    }
}

#[test]
fn a_photo_is_turned_upright_and_does_not_tell_where_it_was_taken() {
    let came = jpeg_with_exif(&photo(64, 32), 6);
    assert!(came.windows(3).any(|text| text == b"GPS"), "the test's own file");
    let kept = remake(&came, Purpose::Attachment).unwrap();
    assert_eq!(
        (kept.format.width, kept.format.height),
        (32, 64),
        "6 is a quarter turn"
    );
    let shown = seen(&kept);
    assert!(shown.get_pixel(16, 10)[0] > 120, "the left is now above");
    assert!(shown.get_pixel(16, 54)[2] > 120);
    for trace in [&b"GPS"[..], b"Exif", b"52.52"] {
        assert!(!kept.bytes.windows(trace.len()).any(|text| text == trace));
    }
}

#[test]
fn what_is_transparent_stays_so_and_its_edge_keeps_its_colour() {
    let disc = RgbaImage::from_fn(512, 512, |x, y| {
        let far = (i64::from(x) - 256).pow(2) + (i64::from(y) - 256).pow(2) > 200 * 200;
        Rgba(if far { [0, 0, 0, 0] } else { [250, 200, 0, 255] })
    });
    let came = file(&DynamicImage::ImageRgba8(disc), ImageFormat::Png);
    let kept = remake(&came, Purpose::Emoji).unwrap();
    assert_eq!(kept.format.kind, PictureKind::Png);
    let shown = seen(&kept).to_rgba8();
    assert_eq!(shown.get_pixel(0, 0)[3], 0);
    for pixel in shown.pixels().filter(|pixel| pixel[3] > 32) {
        assert!(pixel[0] > 200 && pixel[1] > 150, "black bled into {pixel:?}");
    }
}

#[test]
fn a_drawing_stays_sharp_and_a_photo_becomes_small() {
    let drawing = RgbImage::from_fn(300, 300, |x, y| {
        Rgb(if (x / 30 + y / 30) % 2 == 0 {
            [255; 3]
        } else {
            [20, 40, 90]
        })
    });
    let drawing = file(&DynamicImage::ImageRgb8(drawing), ImageFormat::Png);
    let kept = remake(&drawing, Purpose::Attachment).unwrap();
    assert_eq!(kept.format.kind, PictureKind::Png);
    assert_eq!(seen(&kept).get_pixel(31, 0)[0], 20);
    let photo = remake(&file(&photo(800, 600), ImageFormat::Png), Purpose::Attachment).unwrap();
    assert_eq!(photo.format.kind, PictureKind::Jpeg);
}

#[test]
fn transparent_noise_does_not_grow_beyond_the_limit() {
    let noise = RgbaImage::from_fn(1280, 1280, |x, y| {
        let n = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519);
        Rgba((n ^ (n >> 13)).wrapping_mul(3_266_489_917).to_be_bytes())
    });
    let came = file(&DynamicImage::ImageRgba8(noise), ImageFormat::Png);
    let kept = remake(&came, Purpose::Attachment).unwrap();
    assert_eq!(kept.format.kind, PictureKind::Jpeg);
}

#[test]
fn only_the_first_frame_of_what_moves_is_kept() {
    let mut bytes = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        for shade in [10, 120, 240] {
            let frame = RgbaImage::from_pixel(32, 32, Rgba([shade, 0, 0, 255]));
            encoder.encode_frame(image::Frame::new(frame)).unwrap();
        }
    }
    let kept = remake(&bytes, Purpose::Avatar).unwrap();
    assert!(seen(&kept).get_pixel(16, 16)[0] < 40);
    assert_ne!(image::guess_format(&kept.bytes).unwrap(), ImageFormat::Gif);
}

#[test]
fn what_is_no_picture_is_refused_whatever_it_calls_itself() {
    for other in [
        &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"[..],
        b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"<!doctype html><script>alert(1)</script>",
        b"",
        b"\x89PNG",
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        b"GIF89a/*\x10\0*/=1;alert(1)",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0",
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1",
        b"RIFF\x24\0\0\0WAVEfmt ",
    ] {
        assert_eq!(remake(other, Purpose::Avatar).unwrap_err(), Fault::Content);
    }
}

#[test]
fn nothing_behind_or_beside_a_picture_is_passed_on() {
    let script = b"<script>alert(document.domain)</script>";
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif] {
        let mut polyglot = file(&photo(64, 64), format);
        polyglot.extend(script);
        polyglot.extend(b"PK\x05\x06");
        let kept = remake(&polyglot, Purpose::Attachment).unwrap();
        assert!(
            !kept.bytes.windows(8).any(|text| text == b"<script>"),
            "{format:?}"
        );
    }
    // In a chunk that PNG has for comments.
    let plain = file(&photo(64, 64), ImageFormat::Png);
    let mut polyglot = plain[..33].to_vec();
    polyglot.extend(chunk(b"tEXt", &[b"Comment\0", &script[..]].concat()));
    polyglot.extend(&plain[33..]);
    let kept = remake(&polyglot, Purpose::Avatar).unwrap();
    assert!(!kept.bytes.windows(8).any(|text| text == b"<script>"));
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let packed = |length: usize| {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![0; length]).unwrap();
        packer.finish().unwrap()
    };
    let nothing = packed(1000);
    assert_eq!(
        remake(&png_of(60_000, 60_000, &nothing), Purpose::Avatar).unwrap_err(),
        Fault::Size
    );
    assert_eq!(
        remake(&png_of(8_000, 8_000, &nothing), Purpose::Avatar).unwrap_err(),
        Fault::Size
    );
    assert_eq!(
        remake(&png_of(100_000, 1, &nothing), Purpose::Avatar).unwrap_err(),
        Fault::Size
    );
    assert_eq!(
        remake(&png_of(0, 10, &nothing), Purpose::Avatar).unwrap_err(),
        Fault::Content
    );
    // More image data than its size has room for.
    let long = png_of(4, 4, &packed(50_000_000));
    if let Ok(kept) = remake(&long, Purpose::Avatar) {
        assert_eq!((kept.format.width, kept.format.height), (4, 4));
    }
    // A text of 100 MB in 100 KB.
    let plain = file(&photo(8, 8), ImageFormat::Png);
    let mut bytes = plain[..33].to_vec();
    let text = [&b"Comment\0\0"[..], &packed(100_000_000)].concat();
    bytes.extend(chunk(b"zTXt", &text));
    bytes.extend(&plain[33..]);
    if let Ok(kept) = remake(&bytes, Purpose::Avatar) {
        assert!(kept.bytes.len() < 2_000);
    }
    let screen = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    assert_eq!(remake(screen, Purpose::Avatar).unwrap_err(), Fault::Size);
}

#[test]
fn a_file_that_breaks_off_or_is_scrambled_makes_no_panic() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
    ] {
        let whole = file(&photo(48, 48), format);
        for end in (0..whole.len()).step_by(whole.len() / 60 + 1) {
            let _ = remake(&whole[..end], Purpose::Attachment);
        }
        for at in (0..whole.len()).step_by(whole.len() / 200 + 1) {
            let mut scrambled = whole.clone();
            scrambled[at] ^= 0x5a;
            let _ = remake(&scrambled, Purpose::Avatar);
        }
    }
}
