//! Removing the background of a picture.
//!
//! Owns telling what is background: all that is joined to the picture's edge and has the colour of its four corners.
//! Must not touch anything else: what has that colour within the picture stays.

use ::image::{DynamicImage, Rgba, RgbaImage};

/// How far each channel may be from the corners' colour, inclusive.
const TOLERANCE: u8 = 16;

/// Returns the picture without its background, or as it is where some of it is transparent already. Returns nothing
/// where the corners have several colours, or where nothing but background is there.
pub(super) fn removed(picture: &DynamicImage) -> Option<RgbaImage> {
    let mut picture = picture.to_rgba8();
    if picture.pixels().any(|Rgba([.., alpha])| *alpha < u8::MAX) {
        return Some(picture);
    }
    let (right, bottom) = (picture.width().checked_sub(1)?, picture.height().checked_sub(1)?);
    let colour = *picture.get_pixel_checked(0, 0)?;
    for (x, y) in [(right, 0), (0, bottom), (right, bottom)] {
        picture.get_pixel_checked(x, y).filter(|corner| is_alike(**corner, colour))?;
    }
    let top_and_bottom = (0..=right).flat_map(|x| [(x, 0), (x, bottom)]);
    let sides = (0..=bottom).flat_map(|y| [(0, y), (right, y)]);
    let mut open: Vec<(u32, u32)> = top_and_bottom.chain(sides).collect();
    while let Some((x, y)) = open.pop() {
        // Beyond the edge, and thus nothing, is also what wrapped around below zero.
        let Some(pixel) = picture.get_pixel_mut_checked(x, y) else { continue };
        if is_transparent(*pixel) || !is_alike(*pixel, colour) {
            continue;
        }
        *pixel = Rgba([0; 4]);
        open.extend([
            (x.wrapping_sub(1), y),
            (x.wrapping_add(1), y),
            (x, y.wrapping_sub(1)),
            (x, y.wrapping_add(1)),
        ]);
    }
    picture.pixels().any(|pixel| !is_transparent(*pixel)).then_some(picture)
}

fn is_transparent(Rgba([.., alpha]): Rgba<u8>) -> bool {
    alpha == 0
}

fn is_alike(Rgba([r, g, b, _]): Rgba<u8>, Rgba([red, green, blue, _]): Rgba<u8>) -> bool {
    [r.abs_diff(red), g.abs_diff(green), b.abs_diff(blue)].into_iter().all(|apart| apart <= TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Rgba<u8> = Rgba([255, 255, 255, 255]);
    const RED: Rgba<u8> = Rgba([200, 0, 0, 255]);

    /// Draws `#` red, `.` white, and any other character as `other`.
    fn drawn(rows: &[&str], other: Rgba<u8>) -> DynamicImage {
        let (width, height) = (rows[0].len(), rows.len());
        let at = |x: u32, y: u32| match rows[usize::try_from(y).unwrap()].as_bytes()
            [usize::try_from(x).unwrap()]
        {
            b'#' => RED,
            b'.' => WHITE,
            _ => other,
        };
        RgbaImage::from_fn(u32::try_from(width).unwrap(), u32::try_from(height).unwrap(), at).into()
    }

    /// Shows ` ` for transparent, `#` for red, `.` for white, `?` for anything else.
    fn shown(picture: &RgbaImage) -> Vec<String> {
        let letter = |pixel: &Rgba<u8>| match *pixel {
            pixel if is_transparent(pixel) => ' ',
            RED => '#',
            WHITE => '.',
            _ => '?',
        };
        picture.rows().map(|row| row.map(letter).collect()).collect()
    }

    #[test]
    fn what_is_joined_to_the_edge_goes_and_the_same_colour_within_stays() {
        let ring = drawn(&[".......", ".#####.", ".#...#.", ".#####.", "......."], RED);
        assert_eq!(shown(&removed(&ring).unwrap()), ["       ", " ##### ", " #...# ", " ##### ", "       "]);
    }

    #[test]
    fn what_touches_the_edge_cuts_the_background_in_two_and_both_go() {
        let bar = drawn(&["..#..", "..#..", "..#.."], RED);
        assert_eq!(shown(&removed(&bar).unwrap()), ["  #  ", "  #  ", "  #  "]);
    }

    #[test]
    fn a_gap_at_a_corner_is_no_way_in() {
        for rows in
            [[".....", ".##..", ".#.#.", "..##.", "....."], [".....", "..##.", ".#.#.", ".##..", "....."]]
        {
            assert_eq!(shown(&removed(&drawn(&rows, RED)).unwrap())[2], " #.# ");
        }
    }

    #[test]
    fn a_colour_as_far_as_the_tolerance_is_background_and_one_further_is_not() {
        for (value, expected) in [(255 - TOLERANCE, " "), (255 - TOLERANCE - 1, "?")] {
            let spot = drawn(&["...", "o#.", "..."], Rgba([255, value, 255, 255]));
            assert_eq!(&shown(&removed(&spot).unwrap())[1][..1], expected, "{value}");
        }
    }

    #[test]
    fn corners_of_two_colours_are_no_background() {
        assert_eq!(removed(&drawn(&["..o", ".#.", "..."], Rgba([0, 0, 255, 255]))), None);
        assert_eq!(removed(&drawn(&["...", ".#.", "o.."], Rgba([0, 0, 255, 255]))), None);
        assert_eq!(removed(&drawn(&["...", ".#.", "..o"], Rgba([0, 0, 255, 255]))), None);
    }

    #[test]
    fn a_picture_that_is_all_background_has_none_to_remove() {
        assert_eq!(removed(&drawn(&["..", ".."], RED)), None);
        assert_eq!(removed(&drawn(&["."], RED)), None);
    }

    #[test]
    fn a_picture_that_is_transparent_somewhere_stays_as_it_is() {
        let picture = drawn(&["..o", ".#.", "..."], Rgba([9, 9, 9, 128]));
        assert_eq!(removed(&picture).unwrap(), picture.to_rgba8());
    }
}
