import EmethKit
import Testing

@testable import EmethNetwork

/// Every page speaks both languages wholly.
@Suite struct PhraseTests {
  @Test(arguments: Phrase.allCases) func aPhraseIsWhole(phrase: Phrase) {
    let (english, japanese) = phrase.texts
    #expect(!english.isEmpty && !japanese.isEmpty)
    // The same values stand in both, though not in the same order.
    for number in 1...9 {
      #expect(english.contains("%\(number)") == japanese.contains("%\(number)"), "%\(number)")
    }
    #expect(english.unicodeScalars.allSatisfy { $0.value < 0x2E80 })
    let isJapanese = japanese.unicodeScalars.contains { (0x3041...0x9FFF).contains($0.value) }
    // A unit is the same in both.
    #expect(isJapanese || phrase == .gholonPerFuel)
  }

  @Test func everyStatusAndEveryEndHasItsPhrase() {
    #expect(Set(JobStatus.allCases.map { Phrase($0) }).count == JobStatus.allCases.count)
    #expect(Set(JobEndReason.allCases.map { Phrase($0) }).count == JobEndReason.allCases.count)
    for reason in JobEndReason.allCases { #expect(Phrase(reason).texts.english == reason.message) }
    #expect(Set(PageCheck.Step.allCases.map { Phrase($0) }).count == PageCheck.Step.allCases.count)
  }

  @Test(arguments: [
    (nil, PageLanguage.english), ("", .english), ("ja", .japanese), ("ja-JP", .japanese),
    ("en-US,en;q=0.9,ja;q=0.8", .english), ("fr, ja;q=0.7, en;q=0.6", .japanese), ("ja;q=0, en", .english),
    ("jam", .english), ("*", .english), ("ja;q=2", .english), (";;;,,,ja;q=,", .japanese),
  ]) func languageFollowsWhatTheReaderAccepts(header: String?, language: PageLanguage) {
    #expect(PageLanguage(accepting: header) == language)
  }
}
