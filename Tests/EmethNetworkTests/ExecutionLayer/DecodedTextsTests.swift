import Synchronization
import Testing

@testable import EmethNetwork

/// What was decoded is not decoded again while its text is the same.
@Suite struct DecodedTextsTests {
  private struct Counted: Codable, Sendable, Equatable {
    static let decoded = Mutex<[Int: Int]>([:])
    var number: Int

    init(number: Int) { self.number = number }

    init(from decoder: any Decoder) throws {
      let number = try decoder.singleValueContainer().decode(Int.self)
      Self.decoded.withLock { $0[number, default: 0] += 1 }
      self.number = number
    }

    static func count(_ number: Int) -> Int { decoded.withLock { $0[number] ?? 0 } }
  }

  @Test func theSameTextIsDecodedOnceAndAnotherOneIsAnotherValue() throws {
    let texts = DecodedTexts<Counted>(byteLimit: 1_000)
    for _ in 0..<3 { #expect(try texts.value("a", "11") == Counted(number: 11)) }
    #expect(Counted.count(11) == 1)
    #expect(try texts.value("a", "12") == Counted(number: 12))
    #expect(try texts.value("b", "12") == Counted(number: 12))
    #expect(Counted.count(12) == 2, "each record has its own")
    // Back to what it was: only the last text of a record is kept.
    #expect(try texts.value("a", "11") == Counted(number: 11) && Counted.count(11) == 2)
    #expect(throws: (any Error).self) { try texts.value("a", "nonsense") }
    #expect(try texts.value("a", "11") == Counted(number: 11) && Counted.count(11) == 2)
  }

  @Test func whatIsUsedStaysAndTheRestGoes() throws {
    let texts = DecodedTexts<Counted>(byteLimit: 40)
    func text(_ number: Int) -> String { "\(number)" }
    // Four bytes each: five fill half of the limit.
    for number in 2_000..<2_100 {
      _ = try texts.value("used", "1999")
      _ = try texts.value(text(number), text(number))
    }
    #expect(Counted.count(1_999) == 1)
    _ = try texts.value(text(2_099), text(2_099))
    _ = try texts.value(text(2_000), text(2_000))
    #expect(Counted.count(2_099) == 1 && Counted.count(2_000) == 2)
  }
}
