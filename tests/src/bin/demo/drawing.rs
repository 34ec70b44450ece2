//! Pictures and documents of the demo: two logos, a plan, and letters as PDF.
//!
//! Owns drawing strokes and discs without a font or a file from elsewhere. Must not know what they are for.

use std::io::Cursor;

use anyhow::Context;

/// Looks at each pixel so many times in each direction.
const SAMPLES: i64 = 4;

/// A colour, red, green and blue.
pub(crate) type Color = [u8; 3];

/// A line along points, with round ends; a disc where there is one point.
pub(crate) struct Stroke {
    points: Vec<(i64, i64)>,
    /// The first and the last pixel that it may touch.
    around: ((i64, i64), (i64, i64)),
    /// Half of its width.
    reach: i64,
    color: Color,
}

impl Stroke {
    /// Returns a line along points.
    pub(crate) fn new(points: &[(i64, i64)], reach: i64, color: Color) -> Self {
        let first = points.iter().copied().reduce(|one, other| (one.0.min(other.0), one.1.min(other.1)));
        let last = points.iter().copied().reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)));
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        let around = ((first.0 - reach - 1, first.1 - reach - 1), (last.0 + reach, last.1 + reach));
        Self { points: points.to_vec(), around, reach, color }
    }

    /// Tells whether a pixel lies in the rectangle around it.
    fn may_touch(&self, (x, y): (i64, i64)) -> bool {
        let ((left, top), (right, bottom)) = self.around;
        left <= x && x <= right && top <= y && y <= bottom
    }

    fn covers(&self, at: (i64, i64)) -> bool {
        let first = self.points.first().into_iter().map(|point| (*point, *point));
        let pairs = self.points.iter().zip(self.points.iter().skip(1)).map(|(from, to)| (*from, *to));
        let reach = self.reach * SAMPLES;
        first.chain(pairs).any(|(from, to)| is_near(at, scaled(from), scaled(to), reach))
    }
}

fn scaled((x, y): (i64, i64)) -> (i64, i64) {
    (x * SAMPLES, y * SAMPLES)
}

/// Tells whether a point is no farther than `reach` from a line's piece.
fn is_near(at: (i64, i64), from: (i64, i64), to: (i64, i64), reach: i64) -> bool {
    let (along_x, along_y) = (to.0 - from.0, to.1 - from.1);
    let (x, y) = (at.0 - from.0, at.1 - from.1);
    let (length, along) = (along_x * along_x + along_y * along_y, x * along_x + y * along_y);
    if along <= 0 {
        return x * x + y * y <= reach * reach;
    }
    if along >= length {
        let (x, y) = (at.0 - to.0, at.1 - to.1);
        return x * x + y * y <= reach * reach;
    }
    let across = x * along_y - y * along_x;
    across * across <= reach * reach * length
}

/// Returns a PNG of strokes, the later above the earlier, on `ground`; see-through where there is none.
pub(crate) fn png(
    (width, height): (u32, u32),
    ground: Option<Color>,
    strokes: &[Stroke],
) -> anyhow::Result<Vec<u8>> {
    let picture =
        image::RgbaImage::from_fn(width, height, |x, y| pixel((x.into(), y.into()), ground, strokes));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).context("a picture of the demo")?;
    Ok(bytes.into_inner())
}

fn pixel(at: (i64, i64), ground: Option<Color>, strokes: &[Stroke]) -> image::Rgba<u8> {
    let near: Vec<&Stroke> = strokes.iter().rev().filter(|stroke| stroke.may_touch(at)).collect();
    if near.is_empty() {
        return ground.map_or(image::Rgba([0; 4]), |[red, green, blue]| image::Rgba([red, green, blue, 255]));
    }
    let mut sums = [0_u32; 3];
    let (mut seen, mut count) = (0_u32, 0_u32);
    for (x, y) in (0..SAMPLES).flat_map(|x| (0..SAMPLES).map(move |y| (x, y))) {
        let place = (at.0 * SAMPLES + x, at.1 * SAMPLES + y);
        let top = near.iter().find(|stroke| stroke.covers(place)).map(|stroke| stroke.color);
        count += 1;
        if let Some(color) = top.or(ground) {
            seen += 1;
            for (sum, part) in sums.iter_mut().zip(color) {
                *sum += u32::from(part);
            }
        }
    }
    let share = |sum: u32, of: u32| u8::try_from(sum.checked_div(of).unwrap_or(0)).unwrap_or(u8::MAX);
    let [red, green, blue] = sums.map(|sum| share(sum, seen));
    image::Rgba([red, green, blue, share(seen * 255, count)])
}

/// Returns the strokes of a word in capitals, six by twelve units each, from a corner on.
pub(crate) fn word(text: &str, (left, top): (i64, i64), unit: i64, color: Color) -> Vec<Stroke> {
    let mut strokes = Vec::new();
    let mut from = left;
    for letter in text.chars() {
        for line in lines_of(letter) {
            let points: Vec<(i64, i64)> =
                line.iter().map(|(x, y)| (from + x * unit, top + y * unit)).collect();
            strokes.push(Stroke::new(&points, unit, color));
        }
        from += 10 * unit;
    }
    strokes
}

/// What a letter is made of; those that are needed.
fn lines_of(letter: char) -> &'static [&'static [(i64, i64)]] {
    match letter {
        'A' => &[&[(0, 12), (3, 0), (6, 12)], &[(1, 8), (5, 8)]],
        'C' => &[&[(6, 1), (5, 0), (2, 0), (0, 2), (0, 10), (2, 12), (5, 12), (6, 11)]],
        'E' => &[&[(6, 0), (0, 0), (0, 12), (6, 12)], &[(0, 6), (5, 6)]],
        'M' => &[&[(0, 12), (0, 0), (3, 6), (6, 0), (6, 12)]],
        'N' => &[&[(0, 12), (0, 0), (6, 12), (6, 0)]],
        'O' => &[&[(2, 0), (4, 0), (6, 2), (6, 10), (4, 12), (2, 12), (0, 10), (0, 2), (2, 0)]],
        'S' => &[&[
            (6, 1),
            (5, 0),
            (1, 0),
            (0, 2),
            (0, 4),
            (1, 6),
            (5, 6),
            (6, 8),
            (6, 10),
            (5, 12),
            (1, 12),
            (0, 11),
        ]],
        'T' => &[&[(0, 0), (6, 0)], &[(3, 0), (3, 12)]],
        _ => &[],
    }
}

/// Returns a PDF of one page: a heading and lines of text, in ASCII without brackets and backslashes.
pub(crate) fn letter(heading: &str, lines: &[&str]) -> Vec<u8> {
    let rows: String = lines.iter().map(|line| format!("({line}) Tj T* ")).collect();
    let drawing = format!(
        "0.06 0.3 0.29 rg 0 812 595 30 re f BT 0.12 0.16 0.18 rg /F 22 Tf 60 740 Td ({heading}) Tj \
         /F 12 Tf 20 TL 0 -40 Td {rows}ET"
    );
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
    ];
    let mut file = "%PDF-1.7\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (at, count) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n"
    ));
    file.into_bytes()
}
