//! A word that many share: a language, the name of an actor, why a page is no post. It is kept once.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Words that are known before those that nobody holds any more are looked for.
const FEW: usize = 256;

/// A text of which there is one in memory, however many hold it; behind a thin pointer, because many do.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Word(Arc<Box<str>>);

/// All words that there are, and how many there may be before the unused ones are thrown out.
static WORDS: Mutex<(Option<HashSet<Word>>, usize)> = Mutex::new((None, FEW));

impl Word {
    /// The word that is this text.
    pub fn new(text: &str) -> Word {
        let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, limit) = &mut *words;
        let known = known.get_or_insert_default();
        if let Some(word) = known.get(text) {
            return word.clone();
        }
        if known.len() >= *limit {
            known.retain(|word| Arc::strong_count(&word.0) > 1);
            *limit = (known.len() * 2).max(FEW);
        }
        let word = Word(Arc::new(text.into()));
        known.insert(word.clone());
        word
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        self
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Word {
        Word::new(text)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_are_one_and_words_that_nobody_holds_are_forgotten() {
        let (one, other) = (Word::new("de-AT"), Word::new("de-AT"));
        assert!(Arc::ptr_eq(&one.0, &other.0) && one == other && *one == *"de-AT");
        for n in 0..10_000 {
            Word::new(&format!("word {n}"));
        }
        // Other tests hold words of their own.
        let known = WORDS.lock().unwrap().0.as_ref().map_or(0, HashSet::len);
        assert!(known < 5_000, "{known}");
        assert!(Arc::ptr_eq(&one.0, &Word::new("de-AT").0));
    }
}
