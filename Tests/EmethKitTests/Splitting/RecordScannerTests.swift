import EmethKit
import Testing

/// What a scan gave: the ends of the records, and the error that ended it.
private struct Scan: Equatable {
  var ends: [UInt64] = []
  var error: SplittingError?

  /// Scans bytes in buffers of the sizes given, the last size again and again.
  init(_ kind: RecordKind, _ bytes: [UInt8], bufferSizes: [Int]) {
    var scanner = RecordScanner(kind)
    var position = 0
    var sizes = bufferSizes[...]
    do throws(SplittingError) {
      while position < bytes.count {
        let size = sizes.count > 1 ? sizes.removeFirst() : sizes.first ?? bytes.count
        // A buffer of its own, so that reading beyond its end is found by the sanitizers.
        let buffer = Array(bytes[position..<min(bytes.count, position + size)])
        try buffer.withUnsafeBufferPointer { (buffer) throws(SplittingError) in
          try scanner.scan(UnsafeRawBufferPointer(buffer)) { ends.append($0) }
        }
        position += buffer.count
      }
      try scanner.finish { ends.append($0) }
    } catch {
      self.error = error
    }
  }

  func records(of bytes: [UInt8]) -> [[UInt8]] {
    zip([0] + ends, ends).map { Array(bytes[Int($0)..<Int($1)]) }
  }
}

private func texts(_ kind: RecordKind, _ text: String) throws -> [String] {
  let bytes = Array(text.utf8)
  return try kind.records(in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
}

@Suite struct RecordScannerTests {
  private static let kinds: [RecordKind] = [.line, .sentence, .json, .binary(byteCount: 7)]

  @Test func linesKeepTheirEnds() throws {
    #expect(try texts(.line, "") == [])
    #expect(try texts(.line, "\n") == ["\n"])
    #expect(try texts(.line, "one") == ["one"])
    #expect(try texts(.line, "one\ntwo\r\n\n\rthree") == ["one\n", "two\r\n", "\n", "\rthree"])
    #expect(try texts(.line, "猫\u{2028}だ\u{85}\n😀\n") == ["猫\u{2028}だ\u{85}\n", "😀\n"])
    #expect(try texts(.line, "a\0b\n\0") == ["a\0b\n", "\0"])
  }

  @Test(arguments: [
    ("", []), ("One", ["One"]), ("One.", ["One."]), ("One. Two", ["One. ", "Two"]),
    ("One.Two", ["One.", "Two"]), ("\"Go!\" he said. Why?", ["\"Go!\" ", "he said. ", "Why?"]),
    ("He left. \"Stop!\" (Really?) Yes.", ["He left. ", "\"Stop!\" ", "(Really?) ", "Yes."]),
    ("Wait... what?! No.\n\nNew one", ["Wait... ", "what?! ", "No.\n\n", "New one"]),
    ("So . . . on. ' x", ["So . . . ", "on. ", "' x"]),
    ("e.g. this costs 3.14!", ["e.", "g. ", "this costs 3.", "14!"]),
    ("“Yes.” ‘No.’ «Si.» [x.]} y", ["“Yes.” ", "‘No.’ ", "«Si.» ", "[x.]} ", "y"]),
    (" . Lead. ", [" . ", "Lead. "]), ("...", ["..."]), ("!a", ["!", "a"]),
    ("No\nend\nmarks", ["No\nend\nmarks"]), ("名前はまだ無い。どこで", ["名前はまだ無い。どこで"]),
    ("End.\u{3000}\u{2003}\u{A0}\u{85}次. 猫", ["End.\u{3000}\u{2003}\u{A0}\u{85}", "次. ", "猫"]),
    ("Zero.\u{200B} width", ["Zero.", "\u{200B} width"]), ("a.é b.«", ["a.", "é b.", "«"]),
  ])
  func sentencesAreCutByTheEnglishRule(text: String, sentences: [String]) throws {
    #expect(try texts(.sentence, text) == sentences)
  }

  @Test func binaryRecordsHaveOneSize() throws {
    let bytes = [UInt8](repeating: 0xFF, count: 12)
    #expect(try RecordKind.binary(byteCount: 4).records(in: bytes) == [0..<4, 4..<8, 8..<12])
    #expect(try RecordKind.binary(byteCount: 1).records(in: bytes).count == 12)
    #expect(throws: SplittingError.leftOver(byteCount: 2, records: 2, recordByteCount: 5)) {
      try RecordKind.binary(byteCount: 5).records(in: bytes)
    }
    #expect(throws: SplittingError.leftOver(byteCount: 12, records: 0, recordByteCount: 13)) {
      try RecordKind.binary(byteCount: 13).records(in: bytes)
    }
  }

  /// Any text, whole or broken: buffers of one byte, of all bytes and of random sizes give the same.
  @Test(arguments: kinds)
  func buffersMakeNoDifference(kind: RecordKind) {
    var random = SeededGenerator()
    for round in 0..<scaled(300) {
      let count = Int.random(in: 0...40, using: &random)
      let bytes =
        round.isMultiple(of: 2)
        ? RandomText.bytes(pieces: count, using: &random) : RandomText.broken(pieces: count, using: &random)
      let whole = Scan(kind, bytes, bufferSizes: [max(1, bytes.count)])
      #expect(Scan(kind, bytes, bufferSizes: [1]) == whole, "\(bytes)")
      let sizes = (0..<20).map { _ in Int.random(in: 1...12, using: &random) }
      #expect(Scan(kind, bytes, bufferSizes: sizes) == whole, "\(sizes) \(bytes)")
    }
  }

  /// Nothing is lost or cut through, and every record by itself, or with its neighbours, is cut alike.
  @Test(arguments: [RecordKind.line, .sentence])
  func recordsAreTheTextAgain(kind: RecordKind) {
    var random = SeededGenerator()
    for _ in 0..<scaled(200) {
      let bytes = RandomText.bytes(pieces: Int.random(in: 1...60, using: &random), using: &random)
      let scan = Scan(kind, bytes, bufferSizes: [5])
      let records = scan.records(of: bytes)
      #expect(scan.error == nil && records.flatMap { $0 } == bytes)
      for (index, record) in records.enumerated() {
        #expect(String(validating: record, as: UTF8.self) != nil)
        #expect(Scan(kind, record, bufferSizes: [record.count]).ends == [UInt64(record.count)])
        let part = Array(records[index...].joined())
        #expect(Scan(kind, part, bufferSizes: [part.count]).records(of: part) == Array(records[index...]))
      }
    }
  }

  /// The sentence rule once more, over characters and with Unicode's own White_Space.
  @Test func sentencesAreThoseOfTheRuleOverCharacters() {
    var random = SeededGenerator()
    for _ in 0..<scaled(300) {
      let bytes = RandomText.bytes(pieces: Int.random(in: 0...60, using: &random), using: &random)
      #expect(Scan(.sentence, bytes, bufferSizes: [3]).ends == Self.sentenceEnds(bytes), "\(bytes)")
    }
  }

  private static func sentenceEnds(_ bytes: [UInt8]) -> [UInt64] {
    let scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
    var ends: [UInt64] = []
    var offset = 0
    var index = 0
    func skip(_ isWanted: (Unicode.Scalar) -> Bool) -> Bool {
      let start = index
      while index < scalars.count, isWanted(scalars[index]) {
        offset += UTF8.width(scalars[index])
        index += 1
      }
      return index > start
    }
    let isMark = { (scalar: Unicode.Scalar) in ".?!".unicodeScalars.contains(scalar) }
    while index < scalars.count {
      _ = skip { !isMark($0) }
      while skip(isMark) {
        while skip({ isMark($0) || "\"')]}\u{2019}\u{201D}»›".unicodeScalars.contains($0) }) {}
        _ = skip { $0.properties.isWhitespace }
      }
      ends.append(UInt64(offset))
    }
    return ends
  }

  @Test func whatIsNotTextIsRefusedWithItsPlace() {
    var random = SeededGenerator()
    let lead: [UInt8] = Array("猫a".utf8)
    func check(_ bytes: [UInt8]) {
      let expected = Self.firstInvalidOffset(bytes).map { SplittingError.notText(at: UInt64($0)) }
      for kind in [RecordKind.line, .sentence] {
        #expect(Scan(kind, bytes, bufferSizes: [bytes.count + 1]).error == expected, "\(bytes)")
        #expect(Scan(kind, bytes, bufferSizes: [1]).error == expected, "\(bytes)")
      }
    }
    for first in UInt8(0)...255 {
      check([first])
      for second: UInt8 in [0, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xFF] {
        check(lead + [first, second])
        check([first, second, 0x80])
        check([first, second, 0xBF, 0x80, 0x41])
      }
    }
    for _ in 0..<scaled(500) { check(RandomText.broken(pieces: 12, using: &random)) }
  }

  private static func firstInvalidOffset(_ bytes: [UInt8]) -> Int? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): offset += UTF8.width(scalar)
      case .emptyInput: return nil
      case .error: return offset
      }
    }
  }

  @Test func aScannerMayBeginInsideOfADataSet() throws {
    var scanner = RecordScanner(.line, at: 1000, record: 10)
    var ends: [UInt64] = []
    try Array("ab\nc".utf8).withUnsafeBytes { try scanner.scan($0) { ends.append($0) } }
    #expect(ends == [1003] && scanner.recordCount == 11)
    #expect(scanner.recordStart == 1003 && scanner.position == 1004)
    try scanner.finish { ends.append($0) }
    #expect(ends == [1003, 1004] && scanner.recordCount == 12)
  }

  @Test func realTextsComeBackByteForByte() throws {
    for name in ["shakespeare.txt", "neko.txt"] {
      // Without EMETH_DATA a text of our own stands in.
      let bytes =
        try PublicTexts.bytes(name) ?? Array(String(repeating: "“Ay, sir!” — 猫. Exit.\n", count: 500).utf8)
      for kind in [RecordKind.line, .sentence] {
        let whole = Scan(kind, bytes, bufferSizes: [bytes.count])
        #expect(whole.error == nil && whole.ends.last == UInt64(bytes.count))
        #expect(zip(whole.ends, whole.ends.dropFirst()).allSatisfy { $0 < $1 })
        #expect(Scan(kind, bytes, bufferSizes: [4093]) == whole)
      }
      let lines = Scan(.line, bytes, bufferSizes: [bytes.count]).ends.count
      #expect(lines == bytes.filter { $0 == 0x0A }.count + (bytes.last == 0x0A ? 0 : 1))
    }
  }
}
