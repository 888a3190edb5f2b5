//! What a build prints.

use super::{Jenkins, allowed, path};
use crate::call::{Answer, CallError};
use crate::output::{self, MAX_OUTPUT};

/// A piece without a line end that is longer is shown as it is.
const MAX_PIECE: usize = 8 << 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// Masked and whole.
    pub lines: Vec<String>,
    /// Where to go on. Jenkins' own number: it counts what is hidden in the file, too.
    pub next: u64,
    /// The build goes on, and so may the console.
    pub more: bool,
}

impl Jenkins {
    /// What came since `from`. Of much, only the last 64 KiB are read, and a line says so.
    pub async fn console(&self, name: &str, number: u64, from: u64) -> Result<Console, CallError> {
        let answer = self.progressive(name, number, from).await?;
        if !answer.cut {
            return console(&answer, answer.text().as_ref());
        }
        let size = size(&answer)?;
        let tail = size.saturating_sub(MAX_OUTPUT as u64);
        // Beyond the end it begins again at the start: the file is another one.
        let left_out = tail.saturating_sub(if from > size { 0 } else { from }).div_ceil(1024);
        let answer = self.progressive(name, number, tail).await?;
        // It may begin within a line, or within something hidden.
        let mut console = console(&answer, output::without_first(&answer.text()))?;
        console.lines.insert(0, format!("({left_out} KiB are left out here; the whole console is in Jenkins)"));
        Ok(console)
    }

    async fn progressive(&self, name: &str, number: u64, from: u64) -> Result<Answer, CallError> {
        let call = self.site.get(&path(name, &[&number.to_string(), "logText", "progressiveText"])?);
        // Not larger for line ends, which are two bytes here and one in the file.
        let call = call.query("start", &from.to_string()).takes(&[403]).start_of(2 * MAX_OUTPUT);
        allowed(call.send().await?)
    }
}

fn console(answer: &Answer, text: &str) -> Result<Console, CallError> {
    let (size, more) = (size(answer)?, answer.header("x-more-data") == Some("true"));
    let (whole, piece) = output::whole(text);
    // Jenkins gives whole lines while a build runs; should it not, the rest of the line comes with the next reading.
    let again = more && !answer.cut && piece.len() <= MAX_PIECE && (piece.len() as u64) < size;
    let (text, next) = if again { (whole, size - piece.len() as u64) } else { (text, size) };
    Ok(Console { lines: output::lines(text), next, more })
}

fn size(answer: &Answer) -> Result<u64, CallError> {
    let size = answer.header("x-text-size").and_then(|size| size.trim().parse().ok());
    size.ok_or_else(|| CallError::misconfigured("this is no console of a Jenkins (no `X-Text-Size` header)"))
}
