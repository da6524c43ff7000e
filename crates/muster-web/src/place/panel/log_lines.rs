//! What was said while an execution was carried out.

use std::collections::VecDeque;

use maud::{Markup, html};
use muster_proto::v1::{ListLogLinesRequest, LogLevel, LogLine, LogSource};

use crate::api::Api;
use crate::fault::Fault;
use crate::words::{clean, counted, second};

/// How much of a log is shown, in bytes: the newest of it. All of it is in the file.
const SHOWN_MAX: usize = 256 * 1024;

/// How many lines are asked for at a time.
const PAGE: i32 = 1_000;

/// Reads all lines of an execution, the oldest first, and returns how many were not kept.
pub(crate) async fn read(api: &Api, execution: &str, mut take: impl FnMut(LogLine)) -> Result<u64, Fault> {
    let mut request = ListLogLinesRequest {
        parent: execution.to_owned(),
        page_size: PAGE,
        ..ListLogLinesRequest::default()
    };
    loop {
        let page = api.log_lines().list_log_lines(request.clone()).await?.into_inner();
        page.log_lines.into_iter().for_each(&mut take);
        if page.next_page_token.is_empty() {
            return Ok(page.dropped_count);
        }
        request.page_token = page.next_page_token;
    }
}

/// Who has said a line.
pub(crate) fn source(line: &LogLine) -> &'static str {
    match line.source() {
        LogSource::Coordinator => "coordinator",
        LogSource::Runner | LogSource::Unspecified => "runner",
        LogSource::Connector => "connector",
    }
}

/// The newest lines, as a list.
pub(super) async fn newest(api: &Api, execution: &str) -> Result<Markup, Fault> {
    let mut newest = Newest::default();
    let dropped = read(api, execution, |line| newest.push(line)).await?;
    Ok(newest.show(dropped))
}

/// The newest of the lines that were read so far.
#[derive(Default)]
struct Newest {
    lines: VecDeque<LogLine>,
    bytes: usize,
    earlier: u64,
}

impl Newest {
    fn push(&mut self, line: LogLine) {
        self.bytes += line.message.len();
        self.lines.push_back(line);
        while self.bytes > SHOWN_MAX
            && let Some(line) = self.lines.pop_front()
        {
            self.bytes -= line.message.len();
            self.earlier += 1;
        }
    }

    fn show(&self, dropped: u64) -> Markup {
        html! {
            @if self.earlier > 0 { p.help { (counted(self.earlier, "earlier line")) ": in the file." } }
            @if !self.lines.is_empty() { ol.lines tabindex="0" aria-label="Log lines" { @for line in &self.lines { (item(line)) } } }
            @if dropped > 0 { p.help { (counted(dropped, "line")) " more: not kept." } }
        }
    }
}

fn item(line: &LogLine) -> Markup {
    let level = match line.level() {
        LogLevel::Error => "bad",
        LogLevel::Warn => "warned",
        LogLevel::Debug => "faint",
        LogLevel::Info | LogLevel::Unspecified => "",
    };
    html! {
        li class=(level) { @if let Some(at) = &line.time { (second(at)) } span.source { (source(line)) } bdi { (clean(&line.message)) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_log_that_is_too_long_the_newest_is_shown() {
        let mut newest = Newest::default();
        assert_eq!(newest.show(0).0, "");
        for number in 0..100 {
            let message = format!("line {number:>8187}");
            newest.push(LogLine {
                message,
                ..LogLine::default()
            });
        }
        let shown = newest.show(7).0;
        assert_eq!(newest.lines.len(), SHOWN_MAX / 8_192);
        assert!(shown.contains("68 earlier lines: in the file."), "{}", &shown[..200]);
        assert!(shown.contains(" 99</bdi>") && !shown.contains(" 67</bdi>"));
        assert!(shown.ends_with("7 lines more: not kept.</p>"));
    }
}
