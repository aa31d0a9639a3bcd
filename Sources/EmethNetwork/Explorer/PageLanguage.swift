/// A language in which pages are written.
enum PageLanguage: String, Sendable, CaseIterable {
  case english = "en"
  case japanese = "ja"

  /// What the language calls itself.
  var name: String {
    switch self {
    case .english: "English"
    case .japanese: "日本語"
    }
  }

  /// The language that a reader prefers by `Accept-Language` (RFC 9110); English when it names neither.
  init(accepting header: String?) {
    var best: (language: PageLanguage, quality: Double) = (.english, 0)
    for range in (header ?? "").split(separator: ",").prefix(32) {
      let parts = range.split(separator: ";").map { $0.filter { $0 != " " } }
      guard let tag = parts.first?.lowercased(),
        let language = PageLanguage.allCases.first(where: {
          tag == $0.rawValue || tag.hasPrefix("\($0.rawValue)-")
        })
      else { continue }
      let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
      if quality > best.quality, quality <= 1 { best = (language, quality) }
    }
    self = best.language
  }
}

/// What a page knows of its reader: language, the path that was asked for, and the server's time.
struct PageContext: Sendable {
  /// The language of the page.
  var language: PageLanguage
  /// Whether the address names it, so that links have to go on with it.
  var namesLanguage: Bool
  /// The page's own path.
  var path: PagePath
  /// The server's time, unix seconds.
  var now: UInt64

  /// A phrase in the reader's language.
  subscript(phrase: Phrase) -> String { phrase.text(in: language) }

  /// A phrase in the reader's language; `%1`, `%2` … stand for the values.
  func words(_ phrase: Phrase, _ values: String...) -> String {
    let text = phrase.text(in: language)
    guard !values.isEmpty else { return text }
    var written = ""
    var rest = Substring(text)
    while let place = rest.firstIndex(of: "%") {
      written += rest[..<place]
      let next = rest.index(after: place)
      // Values are put in once and never read again: one that looks like a place stays what it is.
      if next < rest.endIndex, let number = rest[next].wholeNumberValue, values.indices.contains(number - 1) {
        written += values[number - 1]
        rest = rest[rest.index(after: next)...]
      } else {
        written += "%"
        rest = rest[next...]
      }
    }
    return written + rest
  }

  /// A path as this reader's pages link to it.
  func to(_ path: PagePath) -> PagePath { namesLanguage ? path.with("lang", language.rawValue) : path }
}
