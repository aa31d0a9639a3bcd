import EmethKit
import Foundation
import Testing

@testable import emeth_cli

@Suite struct JSONSplitterTests {
  /// The pieces of a text that comes in parts of these sizes, with their places.
  private func pieces(_ text: String, parts: [Int], limit: Int = 1000) throws -> [String] {
    var splitter = JSONSplitter(name: "input", limit: limit)
    var rest = Array(text.utf8)[...]
    var found: [String] = []
    var sizes = parts.makeIterator()
    while true {
      let part = rest.prefix(sizes.next() ?? rest.count)
      rest = rest.dropFirst(part.count)
      splitter.append(Array(part))
      while let piece = try splitter.next(isEnd: rest.isEmpty) {
        found.append("\(piece.place): \(String(decoding: piece.bytes, as: UTF8.self))")
      }
      if rest.isEmpty { return found }
    }
  }

  private func pieces(_ text: String) throws -> [String] { try pieces(text, parts: []) }

  @Test func oneALine() throws {
    #expect(try pieces(#"{"a":1}"#) == [#"line 1: {"a":1}"#])
    #expect(
      try pieces("\n {\"a\":1} \r\n\n{\"b\":[}\nx\n") == [
        "line 2: {\"a\":1} \r", "line 4: {\"b\":[}", "line 5: x",
      ])
    // A line end inside a text breaks that line alone.
    #expect(
      try pieces("{}\n{\"a\n\":1}\n{}") == ["line 1: {}", "line 2: {\"a", "line 3: \":1}", "line 4: {}"])
    #expect(try pieces("{} {}\n") == ["line 1: {} {}"], "the reader says what is wrong with the line")
    #expect(try pieces("{\"cut") == ["line 1: {\"cut"])
  }

  @Test func oneBehindTheOther() throws {
    let text = "{\n \"a\": \"}\\\"{\"\n}\n{\n}{\"b\":[{}]}\n"
    #expect(
      try pieces(text) == [
        "line 1: {\n \"a\": \"}\\\"{\"\n}", "line 4: {\n}", "line 5: {\"b\":[{}]}",
      ])
    #expect(try pieces("{\n}{\n \"cut\"") == ["line 1: {\n}", "line 2: {\n \"cut\""])
  }

  @Test func elementsOfAnArray() throws {
    #expect(try pieces("[]").isEmpty)
    #expect(try pieces(" [ ]\n").isEmpty)
    #expect(try pieces("[{\"a\":[1]},\n{\"]\":\"[\"} ]\n") == ["[0]: {\"a\":[1]}", "[1]: {\"]\":\"[\"}"])
  }

  @Test(arguments: [
    ("\0\0\0", "found byte 0x00, allowed is { or ["), ("7", "found '7'"), ("\"{\"", "found '\"'"),
    ("[", "the array ends too early"), ("[{}", "the array ends too early"), ("[{},", "ends too early"),
    ("[,", "found ','"), ("[{},]", "found ']'"), ("[{}{}]", "found '{'"), ("[1]", "found '1'"),
    ("[[]]", "found '['"), ("[{}]{}", "found '{'"), ("[{}] ]", "found ']'"), ("{\n} x", "line 2: found 'x'"),
    ("{\n}\n[]", "line 3: found '['"), ("\u{FEFF}{}", "found byte 0xef"),
  ])
  func whatIsNoObjectIsRefused(text: String, problem: String) throws {
    do {
      _ = try pieces(text)
      Issue.record("accepted \(text)")
    } catch let failure as CommandFailure {
      #expect(failure.report.exitCode == .badInput)
      #expect(failure.report.message.contains(problem), "\(failure.report.message)")
    }
  }

  @Test func anObjectHasALimit() throws {
    let long = String(repeating: "x", count: 1000)
    for text in ["{\"\(long)", "{}\n{\"\(long)", "{\n\"\(long)", "[{\"\(long)", "{\n}\n{\"\(long)"] {
      #expect(throws: CommandFailure.self) {
        try pieces(text, parts: Array(repeating: 50, count: 100))
      }
    }
  }

  /// However the bytes come, the pieces are the same.
  @Test func thePartsPlayNoPart() throws {
    var generator = SystemRandomNumberGenerator()
    let texts = [
      "{\"a\":\"\\\\\\\"}\"}\n\n{\"b\":{\"c\":[1,2,{}]}}\n{bad\n{}",
      "{\n\"a\": \"]}\\u007d\"\n}\n\n{}\n{\n}",
      "\n [ {\"a\":[[\"[\"]]} , {} ,\n{\"b\":\"\\\"\"}\n]\n ",
    ]
    for text in texts {
      let whole = try pieces(text)
      #expect(whole.count >= 3)
      #expect(try pieces(text, parts: Array(repeating: 1, count: text.utf8.count)) == whole)
      for _ in 0..<50 {
        let parts = (0..<text.utf8.count).map { _ in Int.random(in: 1...9, using: &generator) }
        #expect(try pieces(text, parts: parts) == whole, "\(parts)")
      }
    }
  }
}
