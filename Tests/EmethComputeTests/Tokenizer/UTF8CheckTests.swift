import Testing

@testable import EmethCompute

@Suite struct UTF8CheckTests {
  private func fault(_ bytes: [UInt8]) -> Int? {
    var check = UTF8Check()
    return bytes.withUnsafeBufferPointer { check.read($0) }
  }

  /// All sequences of up to three bytes, and four-byte ones around every border, against the standard library.
  @Test func allShortSequences() {
    func expectation(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }
    for first in UInt8.min...UInt8.max {
      #expect((fault([first]) == nil) == expectation([first]))
      guard first >= 0x80 else { continue }
      for second in UInt8.min...UInt8.max {
        let pair = [first, second]
        if (fault(pair) == nil) != expectation(pair) { Issue.record("\(pair)") }
        for third: UInt8 in [0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF] {
          let triple = pair + [third]
          if (fault(triple) == nil) != expectation(triple) { Issue.record("\(triple)") }
          for fourth: UInt8 in [0x7F, 0x80, 0xBF, 0xC0] {
            let quad = triple + [fourth]
            if (fault(quad) == nil) != expectation(quad) { Issue.record("\(quad)") }
          }
        }
      }
    }
  }

  @Test func offsetIsWhereTheBadCharacterBegins() {
    #expect(fault(Array("猫".utf8)) == nil)
    #expect(fault([65, 0xE7, 0x8C]) == 1)
    #expect(fault([65, 66, 0x80]) == 2)
    #expect(fault([0xE7, 0x8C, 0xAB, 0xED, 0xA0, 0x80]) == 3)
    #expect(fault([0xC0, 0x80]) == 0)
    #expect(fault([0xF4, 0x90, 0x80, 0x80]) == 0)
  }

  @Test func countsCharactersByScript() {
    var check = UTF8Check()
    #expect(Array("Aé猫あ、。𠮷 😀".utf8).withUnsafeBufferPointer { check.read($0) } == nil)
    #expect(check.scalarCount == 9)
    #expect(check.eastAsianCount == 5)
  }
}
