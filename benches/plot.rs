//! Charts as SVG, as far as the benches need them: lines over two axes, and bars with a dot for each round.
//!
//! Promises: text in, text out, every name escaped, axes with units, a y axis that begins at 0. Never: a style sheet, a
//! script or a font of its own, so any viewer shows the same.

use std::fmt::Write;

/// Colours that people with any sight tell apart (Okabe and Ito), in the order of the series.
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 60.0;
/// The most ticks of an axis.
const TICKS: f64 = 8.0;

/// How the values of the x axis are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From 0 on, evenly.
    Linear,
    /// By powers of ten; every value must be above 0.
    Log,
}

/// Lines over two axes.
pub struct Chart {
    /// What is shown.
    pub title: String,
    /// On which machine, how: a line below the title.
    pub note: String,
    /// What the x axis is, with its unit.
    pub x: String,
    /// How its values are spread.
    pub x_scale: Scale,
    /// Writes a tick of the x axis.
    pub x_tick: fn(f64) -> String,
    /// What the y axis is, with its unit; it begins at 0.
    pub y: String,
    /// The lines.
    pub series: Vec<Series>,
    /// Stretches of the x axis with a name.
    pub bands: Vec<Band>,
    /// Values of y that are drawn across.
    pub limits: Vec<(String, f64)>,
}

/// One line.
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points, by x.
    pub points: Vec<(f64, f64)>,
    /// Whether each point has a mark.
    pub marks: bool,
}

/// A stretch of the x axis.
pub struct Band {
    /// What it is.
    pub name: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// Where values stand in the picture.
struct Space {
    x_scale: Scale,
    x: (f64, f64),
    y_most: f64,
}

impl Space {
    fn of(chart: &Chart) -> Self {
        let points = chart.series.iter().flat_map(|series| &series.points);
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.copied().unzip();
        let ends = chart.bands.iter().flat_map(|band| [band.from, band.to]);
        let xs: Vec<f64> = xs.into_iter().chain(ends).collect();
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let limits = chart.limits.iter().map(|(_, at)| *at);
        let ys: Vec<f64> = ys.into_iter().chain(limits).collect();
        let least = xs.iter().copied().fold(f64::INFINITY, f64::min);
        let x = match chart.x_scale {
            Scale::Linear => (0.0, most(&xs).max(f64::MIN_POSITIVE)),
            // Room on both sides, so that no mark lies on the frame.
            Scale::Log => (least / 1.6, most(&xs) * 1.6),
        };
        Self {
            x_scale: chart.x_scale,
            x,
            y_most: (most(&ys) * 1.08).max(f64::MIN_POSITIVE),
        }
    }

    fn x(&self, value: f64) -> f64 {
        let (from, to) = self.x;
        let share = match self.x_scale {
            Scale::Linear => (value - from) / (to - from),
            Scale::Log => (value / from).ln() / (to / from).ln(),
        };
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.y_most * (HEIGHT - TOP - BOTTOM)
    }

    fn x_ticks(&self) -> Vec<f64> {
        match self.x_scale {
            Scale::Linear => ticks(self.x.1),
            Scale::Log => {
                let (from, to) = self.x;
                // Over few tens their halves and fifths are shown too.
                let parts: &[f64] = if to / from < 200.0 {
                    &[1.0, 2.0, 5.0]
                } else {
                    &[1.0]
                };
                let tens = (0..=18).map(|power| 10f64.powi(power));
                let all = tens.flat_map(|ten| parts.iter().map(move |part| part * ten));
                all.filter(|tick| (from..=to).contains(tick)).collect()
            }
        }
    }
}

/// Round values from 0 to `most`, at most [`TICKS`] steps.
fn ticks(most: f64) -> Vec<f64> {
    let rough = most / TICKS;
    let ten = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * ten);
    let step = steps.into_iter().find(|step| most / step <= TICKS);
    let step = step.unwrap_or(most.max(1.0));
    let count = (most / step).floor() as u32;
    (0..=count).map(|index| f64::from(index) * step).collect()
}

/// A number without digits that say nothing.
pub fn plain(value: f64) -> String {
    match value {
        value if value == 0.0 || value.abs() >= 10.0 => format!("{value:.0}"),
        value if value.abs() >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A number of bytes with its unit.
pub fn bytes(value: f64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let unit = units.into_iter().find(|(_, size)| value >= *size);
    let (name, size) = unit.unwrap_or(("B", 1.0));
    let number = value / size;
    match (number - number.round()).abs() < 0.005 {
        true => format!("{number:.0} {name}"),
        false => format!("{number:.1} {name}"),
    }
}

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let space = Space::of(self);
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let mut out = head(&self.title, &self.note, HEIGHT);
        for (band, shade) in self.bands.iter().zip(["#eef3f8", "#f8f3e8"].iter().cycle()) {
            let (from, to) = (space.x(band.from), space.x(band.to));
            put(
                &mut out,
                format_args!(
                    "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{shade}\"/>",
                    (to - from).max(0.0),
                    bottom - TOP
                ),
            );
            // A name that is wider than its band begins with it, a line lower than the next one's.
            let narrow = to - from < 7.0 * band.name.chars().count() as f64;
            let (x, y, anchor) = match narrow {
                true => (from, TOP + 32.0, "start"),
                false => (f64::midpoint(from, to), TOP + 16.0, "middle"),
            };
            text(&mut out, (x, y), anchor, "#555", 13, &band.name);
        }
        for value in ticks(space.y_most) {
            let y = space.y(value);
            line(&mut out, (LEFT, y), (right, y), "#dddddd", "");
            text(
                &mut out,
                (LEFT - 8.0, y + 4.0),
                "end",
                "#333",
                12,
                &plain(value),
            );
        }
        for value in space.x_ticks() {
            let x = space.x(value);
            line(&mut out, (x, bottom), (x, bottom + 5.0), "#333333", "");
            let label = (self.x_tick)(value);
            text(&mut out, (x, bottom + 20.0), "middle", "#333", 12, &label);
        }
        line(&mut out, (LEFT, bottom), (right, bottom), "#333333", "");
        line(&mut out, (LEFT, TOP), (LEFT, bottom), "#333333", "");
        let middle = f64::midpoint(LEFT, right);
        text(
            &mut out,
            (middle, HEIGHT - 16.0),
            "middle",
            "#333",
            13,
            &self.x,
        );
        let turned = f64::midpoint(TOP, bottom);
        put(
            &mut out,
            format_args!(
                "<text x=\"20\" y=\"{turned}\" text-anchor=\"middle\" font-size=\"13\" fill=\"#333\" transform=\"rotate(-90 20 {turned})\">{}</text>",
                escaped(&self.y)
            ),
        );
        for (name, at) in &self.limits {
            let y = space.y(*at);
            line(
                &mut out,
                (LEFT, y),
                (right, y),
                "#aa0000",
                " stroke-dasharray=\"6 4\"",
            );
            text(&mut out, (right - 4.0, y - 5.0), "end", "#aa0000", 12, name);
        }
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let points: Vec<(f64, f64)> = series
                .points
                .iter()
                .map(|(x, y)| (space.x(*x), space.y(*y)))
                .collect();
            let way: Vec<String> = points
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            put(
                &mut out,
                format_args!(
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"/>",
                    way.join(" ")
                ),
            );
            for (x, y) in points.iter().filter(|_| series.marks) {
                dot(&mut out, (*x, *y), 3.5, colour);
            }
        }
        let mut x = LEFT;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            dot(&mut out, (x + 5.0, 60.0), 4.5, colour);
            text(
                &mut out,
                (x + 15.0, 64.0),
                "start",
                "#333",
                12,
                &series.name,
            );
            x += 34.0 + 6.6 * series.name.chars().count() as f64;
        }
        out.push_str("</svg>\n");
        out
    }
}

/// One measure of several things, as bars.
pub struct Panel {
    /// What is measured, with its unit.
    pub title: String,
    /// Name, the value of the bar, and each value that it stands for.
    pub rows: Vec<(String, f64, Vec<f64>)>,
}

/// Panels of bars, one below the other.
pub fn bars(title: &str, note: &str, panels: &[Panel]) -> String {
    const ROW: f64 = 24.0;
    const NAMES: f64 = 250.0;
    let height = |panel: &Panel| 44.0 + ROW * panel.rows.len() as f64;
    let whole: f64 = panels.iter().map(height).sum();
    let mut out = head(title, note, TOP + whole + 8.0);
    let mut top = TOP - 8.0;
    for panel in panels {
        text(
            &mut out,
            (LEFT / 2.0, top + 18.0),
            "start",
            "#111",
            14,
            &panel.title,
        );
        let values = panel
            .rows
            .iter()
            .flat_map(|(_, value, each)| each.iter().chain([value]));
        let most = values.copied().fold(f64::MIN_POSITIVE, f64::max);
        let width = |value: f64| value / most * (WIDTH - NAMES - RIGHT - 70.0);
        for (index, (name, value, each)) in panel.rows.iter().enumerate() {
            let (y, colour) = (
                top + 28.0 + ROW * index as f64,
                COLOURS[index % COLOURS.len()],
            );
            text(&mut out, (NAMES - 10.0, y + 14.0), "end", "#333", 12, name);
            put(
                &mut out,
                format_args!(
                    "<rect x=\"{NAMES}\" y=\"{:.1}\" width=\"{:.1}\" height=\"16\" fill=\"{colour}\" fill-opacity=\"0.55\"/>",
                    y + 2.0,
                    width(*value)
                ),
            );
            for one in each {
                dot(&mut out, (NAMES + width(*one), y + 10.0), 3.0, colour);
            }
            let farthest = each.iter().copied().fold(*value, f64::max);
            let at = NAMES + width(farthest) + 9.0;
            text(
                &mut out,
                (at, y + 14.0),
                "start",
                "#333",
                12,
                &plain(*value),
            );
        }
        top += height(panel);
    }
    out.push_str("</svg>\n");
    out
}

fn head(title: &str, note: &str, height: f64) -> String {
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\">"
        ),
    );
    put(
        &mut out,
        format_args!("<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>"),
    );
    text(&mut out, (LEFT / 2.0, 26.0), "start", "#111", 17, title);
    text(&mut out, (LEFT / 2.0, 45.0), "start", "#666", 12, note);
    out
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{what}");
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str, more: &str) {
    put(
        out,
        format_args!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"{more}/>",
            from.0, from.1, to.0, to.1
        ),
    );
}

fn dot(out: &mut String, at: (f64, f64), radius: f64, colour: &str) {
    put(
        out,
        format_args!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\" fill=\"{colour}\"/>",
            at.0, at.1
        ),
    );
}

fn text(out: &mut String, at: (f64, f64), anchor: &str, colour: &str, size: u32, what: &str) {
    put(
        out,
        format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{colour}\">{}</text>",
            at.0,
            at.1,
            escaped(what)
        ),
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(x_scale: Scale, points: &[(f64, f64)]) -> Chart {
        Chart {
            title: "a < b & c".to_owned(),
            note: String::new(),
            x: "seconds".to_owned(),
            x_scale,
            x_tick: plain,
            y: "MB".to_owned(),
            series: vec![Series {
                name: "one".to_owned(),
                points: points.to_vec(),
                marks: true,
            }],
            bands: vec![],
            limits: vec![("the limit".to_owned(), 100.0)],
        }
    }

    #[test]
    fn points_stand_where_their_values_are() {
        let chart = chart(Scale::Linear, &[(0.0, 0.0), (10.0, 50.0)]);
        let space = Space::of(&chart);
        assert_eq!((space.x(0.0), space.x(10.0)), (LEFT, WIDTH - RIGHT));
        assert_eq!(space.y(0.0), HEIGHT - BOTTOM);
        // The limit is the highest that is drawn, and has room above.
        assert!(space.y(100.0) > TOP && space.y(100.0) < space.y(50.0));
        let svg = chart.svg();
        assert!(svg.contains("a &lt; b &amp; c"), "{svg}");
        assert!(svg.contains("the limit"), "{svg}");
        assert_eq!(
            svg.matches("<circle").count(),
            3,
            "two points and the legend"
        );
    }

    #[test]
    fn a_logarithmic_axis_has_its_tens() {
        let chart = chart(Scale::Log, &[(1e7, 1.0), (1e10, 1.0)]);
        assert_eq!(Space::of(&chart).x_ticks(), [1e7, 1e8, 1e9, 1e10]);
        let chart = self::chart(Scale::Log, &[(1e7, 1.0), (3e7, 1.0)]);
        assert_eq!(Space::of(&chart).x_ticks(), [1e7, 2e7]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(7.0).last(), Some(&7.0));
        for most in [0.3, 1.0, 33.0, 999.0, 12_345.0] {
            let ticks = ticks(most);
            assert!((2..=9).contains(&ticks.len()), "{most}: {ticks:?}");
        }
    }

    #[test]
    fn sizes_are_written_with_their_unit() {
        let sizes = [512.0, 1e7, 1.5e9, 10_000_123.0].map(bytes);
        assert_eq!(sizes, ["512 B", "10 MB", "1.5 GB", "10 MB"]);
    }

    #[test]
    fn bars_have_a_dot_for_each_round() {
        let rows = vec![
            ("ours".to_owned(), 2.0, vec![1.0, 2.0, 3.0]),
            ("theirs".to_owned(), 1.0, vec![1.0]),
        ];
        let panel = Panel {
            title: "seconds".to_owned(),
            rows,
        };
        let svg = bars("title", "note", &[panel]);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert_eq!(svg.matches("<rect").count(), 3);
    }
}
