//! A real browser, where there is one: it measures pages and takes pictures of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{Rgb, RgbImage};
use uuid::Uuid;

/// Under which names it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// How many pixels of one colour are an area.
const AREA_PX: usize = 500;

/// A browser on this machine.
pub(super) struct Browser {
    program: PathBuf,
    dir: PathBuf,
}

/// What a screen prefers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scheme {
    Light,
    Dark,
}

/// What a browser made of one page.
#[derive(Debug)]
pub(super) struct Measured {
    /// How high the page is, in pixels.
    pub(super) height: u32,
    /// How wide its content is, in pixels.
    pub(super) width: u32,
    /// The least contrast of any of its texts to what is behind it.
    pub(super) contrast: f64,
    /// The beginning of that text.
    pub(super) faintest: String,
}

impl Browser {
    /// Finds the browser; nothing where none is installed.
    pub(super) fn find() -> Option<Self> {
        let paths = std::env::var_os("PATH")?;
        let programs = std::env::split_paths(&paths).flat_map(|dir| NAMES.map(|name| dir.join(name)));
        let program = programs.into_iter().find(|program| program.is_file())?;
        let dir = std::env::temp_dir().join(format!("mail-pictures-{}", testkit::ids().next::<Uuid>()));
        std::fs::create_dir_all(&dir).unwrap();
        Some(Self { program, dir })
    }

    /// Shows all pages, each in a frame of its own of this width.
    pub(super) fn measure(&self, pages: &[String], width: u32, scheme: Scheme) -> Vec<Measured> {
        let frame = |page: &String| {
            format!("<iframe width=\"{width}\" height=\"3000\" srcdoc=\"{}\"></iframe>", escaped(page))
        };
        let frames: String = pages.iter().map(frame).collect();
        let sheet = format!(
            "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
             <style>iframe {{ border: 0; display: block; }}</style></head><body>{frames}<pre id=\"measured\"></pre>\
             <script>{MEASURE}</script></body></html>"
        );
        let file = self.dir.join("sheet.html");
        std::fs::write(&file, sheet).unwrap();
        let dumped =
            self.run(&file, scheme, &["--dump-dom".to_owned(), "--window-size=1200,1000".to_owned()]);
        let (_, measured) = dumped.split_once("<pre id=\"measured\">").unwrap();
        let (measured, _) = measured.split_once("</pre>").unwrap();
        let all: Vec<Measured> = measured.lines().map(read).collect();
        assert_eq!(all.len(), pages.len(), "{measured}");
        all
    }

    /// Takes a picture of a page.
    pub(super) fn picture(&self, page: &str, width: u32, height: u32, scheme: Scheme, to: &Path) {
        let file = self.dir.join("page.html");
        std::fs::write(&file, page).unwrap();
        let size = format!("--window-size={width},{height}");
        self.run(&file, scheme, &[format!("--screenshot={}", to.display()), size]);
        let picture = image::open(to).unwrap().into_rgb8();
        std::fs::write(to, small_png(picture)).unwrap();
    }

    fn run(&self, file: &Path, scheme: Scheme, arguments: &[String]) -> String {
        let scheme = match scheme {
            Scheme::Light => "--blink-settings=preferredColorScheme=1",
            Scheme::Dark => "--blink-settings=preferredColorScheme=0",
        };
        let output = Command::new(&self.program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-lcd-text",
                scheme,
            ])
            .arg(format!("--user-data-dir={}", self.dir.join("profile").display()))
            .args(arguments)
            .arg(format!("file://{}", file.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // What is left in the temporary directory harms nobody.
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

/// Returns the picture in fewer bytes: the colours of areas stay, the many between a letter and what is behind it become
/// fewer.
fn small_png(mut picture: RgbImage) -> Vec<u8> {
    let mut counts: HashMap<Rgb<u8>, usize> = HashMap::new();
    for pixel in picture.pixels() {
        *counts.entry(*pixel).or_default() += 1;
    }
    for pixel in picture.pixels_mut().filter(|pixel| counts[pixel] < AREA_PX) {
        pixel.0 = pixel.0.map(|channel| {
            let step = (u16::from(channel) * 31 + 127) / 255;
            u8::try_from(step * 255 / 31).unwrap()
        });
    }
    let written = [FilterType::NoFilter, FilterType::Up, FilterType::Adaptive].map(|filter| {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, filter);
        picture.write_with_encoder(encoder).unwrap();
        bytes
    });
    written.into_iter().min_by_key(Vec::len).unwrap()
}

fn escaped(page: &str) -> String {
    page.replace('&', "&amp;").replace('"', "&quot;")
}

fn read(line: &str) -> Measured {
    let mut words = line.splitn(4, ' ');
    let mut next = || words.next().unwrap().to_owned();
    Measured {
        height: next().parse().unwrap(),
        width: next().parse().unwrap(),
        contrast: next().parse().unwrap(),
        faintest: next(),
    }
}

/// Contrast as WCAG 2.2 defines it, of each text that is shown to the nearest colour behind it.
const MEASURE: &str = r#"
addEventListener('load', () => {
  const channels = color => color.match(/[\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = channels(color).map(c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const lines = [...document.querySelectorAll('iframe')].map(frame => {
    const page = frame.contentDocument, view = frame.contentWindow;
    let contrast = 21, faintest = '';
    const texts = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode, element = text.parentElement;
      if (!text.data.trim() || !element.checkVisibility({opacityProperty: true})) continue;
      let behind = element;
      while (behind && (channels(view.getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
      const back = behind ? view.getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)';
      const [one, two] = [light(view.getComputedStyle(element).color), light(back)];
      const found = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      if (found < contrast) { contrast = found; faintest = text.data.trim().slice(0, 40); }
    }
    const height = Math.ceil(page.querySelector('table.page').getBoundingClientRect().height);
    return `${height} ${page.documentElement.scrollWidth} ${contrast.toFixed(2)} ${faintest.replace(/[^\w ]/g, '.')}`;
  });
  document.getElementById('measured').textContent = lines.join('\n');
});
"#;
