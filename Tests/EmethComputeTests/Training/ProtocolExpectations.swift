/// What Tests/Scripts/protocol_expectations.py recorded for the seed 00 01 … 1f.
struct ProtocolExpectations: Decodable {
  struct Order: Decodable {
    var part: UInt32
    var round: UInt32
    var sequences: Int
    var indices: [Int]
  }
  struct Quantised: Decodable {
    var bits: UInt32
    var exponent: Int32
    var q: Int32
    var clipped: Bool
  }
  struct Exponent: Decodable {
    var bits: [UInt32]
    var next: Int32
  }
  struct Round: Decodable {
    var clipped: Int
    var exponents: [Int32]
    var sum: String
    var parameters: String
    var velocity: String
  }

  var words: [UInt32]
  var below: [UInt32]
  var orders: [Order]
  var weights: [UInt32]
  var quantised: [Quantised]
  var exponents: [Exponent]
  var diloco: [Round]
  var average: [Round]

  static let seed = [UInt8](0..<32)

  static func load() throws -> ProtocolExpectations {
    try RecordedFixture.decode(ProtocolExpectations.self, "protocol/expectations.json")
  }
}
