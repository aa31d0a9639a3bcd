import EmethKit
import Testing

@Suite struct ArmorTests {
  private func write(_ bytes: [UInt8], step: Int = .max) -> String {
    var writer = ArmorWriter()
    var text: [UInt8] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      writer.append(rest.prefix(step), to: &text)
      rest = rest.dropFirst(step)
    }
    writer.finish(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  private func read(_ text: String, step: Int = .max) throws(SealingError) -> [UInt8] {
    var reader = ArmorReader()
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      try reader.append(rest.prefix(step), to: &bytes)
      rest = rest.dropFirst(step)
    }
    try reader.finish()
    return bytes
  }

  private let begin = "-----BEGIN AGE ENCRYPTED FILE-----"
  private let end = "-----END AGE ENCRYPTED FILE-----"

  @Test func roundTripsOfEveryLength() throws {
    for count in Array(0...200) + [65_536, 100_003] {
      let bytes = testBytes(count)
      let text = write(bytes)
      #expect(text.hasPrefix(begin + "\n") && text.hasSuffix("\n\(end)\n"))
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= 64 })
      for step in [1, 47, 48, 49, 1000, .max] where step > 1 || count < 1000 {
        #expect(write(bytes, step: step) == text)
        #expect(try read(text, step: step) == bytes)
      }
    }
    #expect(write(Array("age".utf8)) == "\(begin)\nYWdl\n\(end)\n")
  }

  @Test func mailMayHaveTouchedIt() throws {
    let bytes = testBytes(100)
    let text = write(bytes)
    let variants = [
      text.replacing("\n", with: "\r\n"), " \r\n\t\n" + text, text + "\n \n", String(text.dropLast()),
      String(text.dropLast()) + "\r",
    ]
    for variant in variants { #expect(try read(variant) == bytes) }
    let spaces = String(repeating: " ", count: ArmorReader.spaceLimit)
    #expect(try read(spaces + text + spaces.dropLast()) == bytes)
    #expect(throws: SealingError.armor(line: 1, problem: "there is more than white space")) {
      try read(spaces + " " + text)
    }
  }

  /// Whole lines are read at once, others byte by byte: whatever is changed, both ways say the same.
  @Test func changedArmorIsReadTheSameInEveryStep() {
    var random = SeededGenerator()
    let text = Array(write(testBytes(1000)).utf8)
    for _ in 0..<scaled(500) {
      var changed = text
      let place = Int.random(in: 0..<text.count, using: &random)
      let other: UInt8 = [0x0A, 0x0D, 0x20, 0x3D, 0x2D, 0x41, 0xFF].randomElement(using: &random) ?? 0x41
      if Bool.random(using: &random) { changed[place] = other } else { changed.insert(other, at: place) }
      let ways = [1, 63, .max].map { step in
        Result { () throws(SealingError) in try read(String(decoding: changed, as: UTF8.self), step: step) }
      }
      #expect(ways[0] == ways[1] && ways[1] == ways[2])
    }
  }

  private static let broken: [(text: String, line: Int)] = [
    ("", 1), ("x", 1), ("-----BeGIN\nYWdl\n", 1), ("B\nYWdl\n", 3), ("B\nYWdl", 2),
    ("B\nYWd\nE\n", 2), ("B\nYW=\nE\n", 2), ("B\nYWd=\nE\n", 2), ("B\nYQ==\nYWdl\nE\n", 3), ("B\n\nE\n", 2),
    ("B\nYWdl\nYWdl\nE\n", 3), ("B\nYWdl\nE\nx", 4), ("B\nYWdl \nE\n", 2), ("B\nY===\nE\n", 2),
    ("B\n====\nE\n", 2),
    ("B\n" + String(repeating: "A", count: 68) + "\nE\n", 2), ("B\nYWdl\nE \n", 3), ("B \nYWdl\nE\n", 1),
  ]

  @Test(arguments: broken) func brokenArmorIsRefusedWithItsLine(text: String, line: Int) {
    let text = text.replacing("E", with: end).replacing("B\n", with: "\(begin)\n")
      .replacing("B \n", with: "\(begin) \n")
    for step in [1, .max] {
      do throws(SealingError) {
        _ = try read(text, step: step)
        Issue.record("accepted")
      } catch {
        let isNamed = if case .armor(line, _) = error { true } else { false }
        #expect(isNamed, "\(error)")
      }
    }
  }

  @Test func theFirstByteTellsArmorFromFiles() {
    #expect(ArmorReader.isArmor(firstByte: UInt8(ascii: "-")) && ArmorReader.isArmor(firstByte: 0x0A))
    #expect(!ArmorReader.isArmor(firstByte: UInt8(ascii: "a")) && !ArmorReader.isArmor(firstByte: 0))
  }
}
