import Testing

@testable import emeth_cli

@Suite struct SuggestionTests {
  @Test(arguments: [
    ("", "", 0), ("abc", "", 3), ("", "ab", 2), ("nodes", "nodes", 0), ("noeds", "nodes", 1),
    ("node", "nodes", 1),
    ("nodess", "nodes", 1), ("nudes", "nodes", 1), ("ca", "abc", 3), ("kitten", "sitting", 3),
    ("日本", "日木", 1),
  ])
  func distances(first: String, second: String, expected: Int) {
    #expect(Suggestion.distance(first, second) == expected)
    #expect(Suggestion.distance(second, first) == expected)
  }

  @Test func onlyCloseWordsAreSuggestedBestFirst() {
    let words = ["show-job", "show-key", "list-jobs", "run", "train", "tokenize"]
    #expect(Suggestion.nearest(to: "show-jbo", among: words) == ["show-job"])
    #expect(Suggestion.nearest(to: "show", among: words) == ["show-job", "show-key"])
    #expect(Suggestion.nearest(to: "nur", among: words) == [])
    #expect(Suggestion.nearest(to: "urn", among: words) == ["run"])
    #expect(Suggestion.nearest(to: "x", among: words) == [])
    #expect(Suggestion.nearest(to: "completely-else", among: words) == [])
  }
}
