//! Full-text search: ranked by BM25 over passages of a few lines.

use std::collections::HashMap;

/// Lines of a passage.
const PASSAGE: usize = 12;
/// BM25's usual constants.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// An index of all passages.
#[derive(Default)]
pub(crate) struct Index {
    passages: Vec<Passage>,
    /// Passages that hold a word, with how often.
    postings: HashMap<String, Vec<(u32, u32)>>,
    mean_words: f64,
}

struct Passage {
    path: String,
    /// The first line, counted from 1.
    line: u32,
    text: String,
    words: u32,
}

/// A passage that was found.
#[derive(Debug)]
pub(crate) struct Hit<'a> {
    pub(crate) path: &'a str,
    pub(crate) line: u32,
    pub(crate) text: &'a str,
    pub(crate) score: f64,
}

impl Index {
    pub(crate) fn new<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut index = Self::default();
        for (path, text) in files {
            let lines: Vec<&str> = text.lines().collect();
            for (at, lines) in lines.chunks(PASSAGE).enumerate() {
                index.add(path, at * PASSAGE + 1, lines);
            }
        }
        let words: f64 = index.passages.iter().map(|passage| f64::from(passage.words)).sum();
        index.mean_words = words / to_f64(index.passages.len().max(1));
        index
    }

    fn add(&mut self, path: &str, line: usize, lines: &[&str]) {
        let text = lines.join("\n");
        let Ok(number) = u32::try_from(self.passages.len()) else { return };
        let mut counts: HashMap<String, u32> = HashMap::new();
        // A file's name is part of what it is about.
        for word in words(&text).chain(words(path)) {
            *counts.entry(word).or_default() += 1;
        }
        let total = counts.values().sum();
        for (word, count) in counts {
            self.postings.entry(word).or_default().push((number, count));
        }
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        self.passages.push(Passage { path: path.to_owned(), line, text, words: total });
    }

    /// All passages that hold a word of the query, best first.
    pub(crate) fn search(&self, query: &str) -> Vec<Hit<'_>> {
        let mut scores: HashMap<u32, f64> = HashMap::new();
        let mut asked: Vec<String> = words(query).collect();
        asked.sort_unstable();
        asked.dedup();
        let all = to_f64(self.passages.len());
        for word in &asked {
            let Some(postings) = self.postings.get(word) else { continue };
            let with = to_f64(postings.len());
            let rarity = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
            for (number, count) in postings {
                let Some(passage) = self.passages.get(*number as usize) else { continue };
                let length = f64::from(passage.words) / self.mean_words.max(1.0);
                let count = f64::from(*count);
                let weight = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                *scores.entry(*number).or_default() += rarity * weight;
            }
        }
        let mut hits: Vec<_> = scores
            .into_iter()
            .filter_map(|(number, score)| {
                let passage = self.passages.get(number as usize)?;
                let (path, line, text) = (passage.path.as_str(), passage.line, &passage.text);
                Some(Hit { path, line, text, score })
            })
            .collect();
        hits.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| (a.path, a.line).cmp(&(b.path, b.line)))
        });
        hits
    }
}

#[allow(clippy::cast_precision_loss)] // Counts of passages, far below 2^52.
fn to_f64(count: usize) -> f64 {
    count as f64
}

/// Lower-case words of letters and digits.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty() && word.len() <= 64)
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_weigh_more() {
        let files = [
            ("a.md", "apple apple apple pear"),
            ("b.md", "apple quince"),
            ("c.md", "apple and apple"),
        ];
        let index = Index::new(files.into_iter());
        let hits = index.search("apple QUINCE");
        assert_eq!(hits.first().unwrap().path, "b.md");
        assert_eq!(hits.len(), 3);
        assert!(index.search("durian").is_empty());
        assert!(index.search("").is_empty());
        assert!(index.search("../..*?[").is_empty());
    }

    #[test]
    fn passages_know_their_lines() {
        let text = "x\n".repeat(30) + "needle\n";
        let index = Index::new([("a", text.as_str())].into_iter());
        let hits = index.search("needle");
        assert_eq!(hits.first().unwrap().line, 25);
    }
}
