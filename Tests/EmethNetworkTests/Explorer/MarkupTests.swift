import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What comes from outside stays text, wherever it is put.
@Suite struct MarkupTests {
  /// Texts that would be something else where a page forgot to escape them.
  static let hostile = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
    "</title><svg onload=alert(1)>", "&lt;b&gt;", "<!--", "]]>", "javascript:alert(1)",
    "\u{0}\u{8}\u{1b}[31m",
    "invoice\u{202E}gpj.exe", "%1 %2 %%",
  ]

  @Test(arguments: hostile) func textIsNeverMarkup(text: String) {
    for markup in [
      element("p") { text }, element("td", .init("title", text)) { "x" },
      element("script", .init("data-x", text)),
      element("title") { element("b") { text } },
    ] {
      let inside = markup.html.dropFirst().split(separator: ">", maxSplits: 1)
      #expect(inside.count == 2)
      // Every < begins an element of this test, every quote ends an attribute of it.
      #expect(
        markup.html.count(where: { $0 == "<" }) == markup.html.components(separatedBy: "</").count * 2 - 2)
      #expect(markup.html.count(where: { $0 == "\"" }) <= 2)
      #expect(!markup.html.contains("'"))
      for scalar in markup.html.unicodeScalars {
        #expect(scalar.value >= 0x20 && scalar.value != 0x7F && !("\u{202A}"..."\u{202E}" ~= scalar))
      }
    }
  }

  @Test func textIsStillTheText() {
    #expect(Markup("a < b & \"c\"\n日本").html == "a &lt; b &amp; &quot;c&quot;\n日本")
    #expect(element("input", .init("name", "q"), .init("required")).html == "<input name=\"q\" required>")
    #expect(element("p", .init("hidden", false), .init("id", nil as String?)) { "" }.html == "<p></p>")
  }

  @Test(arguments: hostile) func linksLeadNowhereElse(text: String) {
    let path = PagePath("jobs", text, query: [("q", text)]).at(text)
    #expect("\(path)".hasPrefix("/jobs/"))
    #expect("\(path)".utf8.allSatisfy { (0x21...0x7E).contains($0) })
    for character in ["<", ">", "\"", "'", "&amp", ":", " "] { #expect(!"\(path)".contains(character)) }
    #expect("\(PagePath("//evil.example"))" == "/%2F%2Fevil.example")
  }

  @Test func valuesArePutInOnce() {
    let context = PageContext(language: .english, namesLanguage: false, path: PagePath(""), now: 0)
    #expect(context.words(.ticketTitle, "%2", "%1") == "Ticket of %2, epoch %1")
    #expect(context.words(.ago, "100 % %3") == "100 % %3 ago")
  }
}
