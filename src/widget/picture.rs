//! What came as a picture becomes one of ours: read within limits, turned upright, scaled down to what is shown, and
//! written anew.
//!
//! Pure. Nothing of the file that came is passed on, only what it shows: no place where a photo was taken, no colour
//! profile, no film, no second meaning behind its last byte. Of what moves, the first frame is shown: a row of faces that
//! all move is nothing that one can read beside, and what is attached moves where the link leads.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{
    DynamicImage, GenericImageView as _, ImageBuffer, ImageDecoder as _, ImageFormat, ImageReader, Limits,
    Pixel,
};

use crate::store::file::short_hash;
use crate::store::{Format, Picture, PictureKind};

/// Longest side of a picture, in pixels: JPEG's own limit is 65,535, what cameras make is below 16,384.
const MAX_SIDE: u32 = 16_384;
/// Most pixels. Mastodon scales what it passes on to 8.3 million; an 8 K screen has twice as many as that. A small file
/// can claim a very large picture, and each pixel takes up to nine bytes while it is read.
const MAX_PIXELS: u64 = 16_777_216;
/// Most memory that reading a picture takes for its pixels, in bytes: [`MAX_PIXELS`] with four channels of 16 bits.
const MAX_MEMORY: u64 = MAX_PIXELS * 8;
/// How well a JPEG is written, of 100: what most servers use; below 80 one begins to see it.
const QUALITY: u8 = 82;
/// Largest picture with transparent parts that is kept with them, in bytes; a larger one is put on white.
const MAX_TRANSPARENT: usize = 768 * 1024;

/// What a picture is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// Somebody's face.
    Avatar,
    /// A custom emoji, in a line of text.
    Emoji,
    /// A picture below a text.
    Attachment,
}

impl Purpose {
    /// Longest side that is kept, in pixels: what the stylesheet shows, twice for screens that have finer ones.
    fn side(self) -> u32 {
        match self {
            // 2.75 rem, 44 pixels, and somewhat more for larger writing.
            Purpose::Avatar => 96,
            // 1.25 em in text of up to 25 pixels.
            Purpose::Emoji => 64,
            // 20 rem, 320 pixels; but owners make them as wide as their text, about 640.
            Purpose::Attachment => 1280,
        }
    }

    /// The name under which a remote picture is kept and served for this purpose: one that is a face here and a picture
    /// there has both sizes.
    pub(super) fn hash(self, url: &str) -> String {
        let purpose = match self {
            Purpose::Avatar => "avatar",
            Purpose::Emoji => "emoji",
            Purpose::Attachment => "media",
        };
        short_hash(&format!("{purpose} {url}"))
    }
}

/// What is wrong with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is none of the formats that are read, or broken.
    Content,
    /// It is too large.
    Size,
}

/// Makes a picture of ours from what came.
pub(super) fn remake(bytes: &[u8], purpose: Purpose) -> Result<Picture, Fault> {
    let (image, came_as) = read(bytes)?;
    let side = purpose.side();
    let image = match purpose {
        Purpose::Avatar => square(&image),
        Purpose::Emoji | Purpose::Attachment => image,
    };
    write(&scaled(image, side), came_as)
}

/// Reads the first frame, upright.
fn read(bytes: &[u8]) -> Result<(DynamicImage, ImageFormat), Fault> {
    // By its first bytes, never by what its server says of it.
    let format = image::guess_format(bytes).map_err(|_| Fault::Content)?;
    if !matches!(
        format,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP
    ) {
        return Err(Fault::Content);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| fault(&error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Fault::Content);
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
        return Err(Fault::Size);
    }
    // What can't be read of it, a browser wouldn't follow either.
    let orientation = decoder.orientation();
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| fault(&error))?;
    if let Ok(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok((image, format))
}

fn fault(error: &image::ImageError) -> Fault {
    match error {
        image::ImageError::Limits(_) => Fault::Size,
        _ => Fault::Content,
    }
}

/// The middle of it.
fn square(image: &DynamicImage) -> DynamicImage {
    let (width, height) = image.dimensions();
    let side = width.min(height);
    image.crop_imm((width - side) / 2, (height - side) / 2, side, side)
}

/// Scaled down, when a side is longer than this; never up.
fn scaled(image: DynamicImage, side: u32) -> DynamicImage {
    let small = image.width().max(image.height()) <= side;
    if !image.color().has_alpha() {
        let pixels = image.into_rgb8();
        return DynamicImage::ImageRgb8(match small {
            true => pixels,
            false => shrunk(pixels, side),
        });
    }
    let mut pixels = image.into_rgba8();
    if small {
        return DynamicImage::ImageRgba8(pixels);
    }
    // The colour of what can't be seen must not bleed into what can.
    for pixel in pixels.pixels_mut() {
        let [r, g, b, alpha] = pixel.0;
        let weigh = |colour: u8| (u16::from(colour) * u16::from(alpha) / 255) as u8;
        pixel.0 = [weigh(r), weigh(g), weigh(b), alpha];
    }
    let mut pixels = shrunk(pixels, side);
    for pixel in pixels.pixels_mut() {
        let [r, g, b, alpha] = pixel.0;
        let unweigh = |colour: u8| match u16::from(alpha) {
            0 => 0,
            alpha => (u16::from(colour) * 255 / alpha).min(255) as u8,
        };
        pixel.0 = [unweigh(r), unweigh(g), unweigh(b), alpha];
    }
    DynamicImage::ImageRgba8(pixels)
}

/// In two steps: the first one is cheap in time and memory, the second one good. Of eight bits a channel, so that it is in
/// the program for two kinds of pixels and not for ten.
fn shrunk<P>(image: ImageBuffer<P, Vec<u8>>, side: u32) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8> + 'static,
{
    let rough = match image.width().max(image.height()) > side * 2 {
        true => {
            let (width, height) = within(image.dimensions(), side * 2);
            imageops::thumbnail(&image, width, height)
        }
        false => image,
    };
    let (width, height) = within(rough.dimensions(), side);
    imageops::resize(&rough, width, height, FilterType::CatmullRom)
}

/// The size at which the longest side is this long.
fn within((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = width.max(height);
    let scaled = |length: u32| {
        let scaled =
            (u64::from(length) * u64::from(side) + u64::from(longest) / 2) / u64::from(longest.max(1));
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    (scaled(width), scaled(height))
}

/// Written as PNG where it has transparent parts or was drawn and stays small, else as JPEG.
fn write(image: &DynamicImage, came_as: ImageFormat) -> Result<Picture, Fault> {
    let transparent = match image.as_rgba8() {
        Some(pixels) => pixels.pixels().any(|pixel| pixel.0[3] != u8::MAX),
        None => false,
    };
    if transparent {
        let bytes = png(image)?;
        if bytes.len() <= MAX_TRANSPARENT {
            return picture(image, PictureKind::Png, bytes);
        }
        let white = on_white(image);
        let bytes = jpeg(&white)?;
        return picture(image, PictureKind::Jpeg, bytes);
    }
    let opaque = DynamicImage::ImageRgb8(image.to_rgb8());
    let photo = jpeg(&opaque)?;
    if came_as != ImageFormat::Jpeg {
        // Few colours and sharp lines are smaller so, and stay sharp.
        let drawing = png(&opaque)?;
        if drawing.len() <= photo.len() {
            return picture(image, PictureKind::Png, drawing);
        }
    }
    picture(image, PictureKind::Jpeg, photo)
}

fn picture(image: &DynamicImage, kind: PictureKind, bytes: Vec<u8>) -> Result<Picture, Fault> {
    let side = |length: u32| u16::try_from(length).map_err(|_| Fault::Size);
    Ok(Picture {
        format: Format {
            kind,
            width: side(image.width())?,
            height: side(image.height())?,
        },
        bytes,
    })
}

fn png(image: &DynamicImage) -> Result<Vec<u8>, Fault> {
    let mut bytes = Cursor::new(Vec::new());
    let written = image.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|_| Fault::Content)?;
    Ok(bytes.into_inner())
}

fn jpeg(image: &DynamicImage) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let written = JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(image);
    written.map_err(|_| Fault::Content)?;
    Ok(bytes)
}

fn on_white(image: &DynamicImage) -> DynamicImage {
    let pixels = image.to_rgba8();
    let opaque = image::RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [r, g, b, alpha] = pixels.get_pixel(x, y).0;
        let over = |colour: u8| {
            let alpha = u16::from(alpha);
            ((u16::from(colour) * alpha + 255 * (255 - alpha)) / 255) as u8
        };
        image::Rgb([over(r), over(g), over(b)])
    });
    DynamicImage::ImageRgb8(opaque)
}

#[cfg(test)]
mod tests;
