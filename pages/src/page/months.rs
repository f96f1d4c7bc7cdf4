//! The names of the months in the languages that European and American sites are written in.
//!
//! After the calendars of the Unicode CLDR, full names and, where the language bends them, the form that stands in a
//! date ("5 stycznia"). Short forms aren't listed: what begins exactly one month, in whatever languages, is one.

/// Names of each month, in any language. Where one word is two months (listopad is November in Czech and Polish,
/// October in Croatian), the language with more sites has it.
const NAMES: [&str; 12] = [
    "january januar jänner janvier enero gennaio janeiro januari styczeń stycznia leden ledna január januára січень \
     січня январь января ocak ianuarie gener tammikuu tammikuuta siječanj siječnja януари ιανουάριος ιανουαρίου jaanuar \
     sausio janvāris",
    "february februar feber février febrero febbraio fevereiro februari luty lutego únor února február februára лютий \
     лютого февраль февраля şubat februarie febrer helmikuu helmikuuta veljača veljače февруари φεβρουάριος \
     φεβρουαρίου veebruar vasario februāris",
    "march märz mars marzo março maart marts marzec marca březen března március březen березень березня март марта mart \
     martie març maaliskuu maaliskuuta ožujak ožujka μάρτιος μαρτίου märts kovo",
    "april avril abril aprile kwiecień kwietnia duben dubna apríl apríla április квітень квітня апрель апреля nisan \
     aprilie huhtikuu huhtikuuta travanj travnja април απρίλιος απριλίου aprill balandžio aprīlis",
    "may mai mayo maggio maio mei maj maja květen května máj mája május травень травня май мая mayıs maig toukokuu \
     toukokuuta svibanj svibnja μάιος μαΐου gegužės maijs",
    "june juni juin junio giugno junho czerwiec czerwca červen června jún júna június червень червня июнь июня haziran \
     iunie juny kesäkuu kesäkuuta lipanj lipnja юни ιούνιος ιουνίου juuni birželio jūnijs",
    "july juli juillet julio luglio julho lipiec lipca červenec července júl júla július липень липня июль июля temmuz \
     iulie juliol heinäkuu heinäkuuta srpanj srpnja юли ιούλιος ιουλίου juuli liepos jūlijs",
    "august août aout agosto augustus augusti sierpień sierpnia srpen srpna augusta augusztus серпень серпня август \
     августа ağustos agost elokuu elokuuta kolovoz kolovoza αύγουστος αυγούστου rugpjūčio augusts",
    "september septembre septiembre setiembre settembre setembro wrzesień września září septembra szeptember вересень \
     вересня сентябрь сентября eylül septembrie setembre syyskuu syyskuuta rujan rujna септември σεπτέμβριος \
     σεπτεμβρίου rugsėjo septembris",
    "october oktober octobre octubre ottobre outubro październik października říjen října október októbra жовтень \
     жовтня октябрь октября ekim octombrie lokakuu lokakuuta октомври οκτώβριος οκτωβρίου oktoober spalio oktobris",
    "november novembre noviembre novembro listopad listopada november novembra листопад листопада ноябрь ноября kasım \
     noiembrie marraskuu marraskuuta studeni studenoga ноември νοέμβριος νοεμβρίου lapkričio novembris",
    "december dezember décembre diciembre dicembre dezembro desember grudzień grudnia prosinec prosince decembra \
     грудень грудня декабрь декабря aralık decembrie desembre joulukuu joulukuuta prosinac prosinca декември \
     δεκέμβριος δεκεμβρίου detsember gruodžio decembris",
];

/// Short forms that are no beginning of a name, or of more than one, and mean the same month wherever they are used.
const SHORT: [(&str, i8); 7] = [
    ("mar", 3),
    ("mrz", 3),
    ("mrt", 3),
    ("jun", 6),
    ("jul", 7),
    ("dec", 12),
    ("eki", 10),
];

/// Letters of the shortest short form.
const SHORTEST: usize = 3;

/// The month, 1 to 12, that a word in lower case names, in full or short.
pub(super) fn month(word: &str) -> Option<i8> {
    if word.chars().count() < SHORTEST {
        return None;
    }
    let numbered = || NAMES.iter().zip(1_i8..);
    let whole = numbered().find(|(names, _)| names.split_whitespace().any(|name| name == word));
    if let Some((_, month)) = whole {
        return Some(month);
    }
    if let Some((_, month)) = SHORT.iter().find(|(short, _)| *short == word) {
        return Some(*month);
    }
    let mut begun =
        numbered().filter(|(names, _)| names.split_whitespace().any(|name| name.starts_with(word)));
    let (_, month) = begun.next()?;
    begun.next().is_none().then_some(month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_known_by_its_name_in_many_languages_and_by_its_beginning() {
        for (word, expected) in [
            ("march", 3),
            ("märz", 3),
            ("mars", 3),
            ("марта", 3),
            ("mai", 5),
            ("sept", 9),
            ("févr", 2),
            ("juil", 7),
            ("dez", 12),
            ("января", 1),
            ("stycznia", 1),
            ("ene", 1),
            ("joulukuuta", 12),
        ] {
            assert_eq!(month(word), Some(expected), "{word}");
        }
    }

    #[test]
    fn what_may_be_two_months_or_none_is_none() {
        for word in ["jui", "ma", "", "hello", "červe", "mont", "minutes"] {
            assert_eq!(month(word), None, "{word}");
        }
    }
}
