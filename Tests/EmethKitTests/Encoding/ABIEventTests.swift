import EmethKit
import Testing

@Suite struct ABIEventTests {
  private let transfer: ABIEvent = "Transfer(address indexed from,address indexed to,uint256 amount)"
  private let mixed: ABIEvent =
    "Mixed(string indexed name,uint8 level,bytes32 indexed key,string text,int16[2] indexed range)"

  @Test func logsRoundTrip() throws {
    #expect(
      transfer.topic0.description == "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
    let to = try Address("0x00000000000000000000000000000000000000ff")
    let values: [ABIValue] = [.address(.zero), .address(to), .uint(7)]
    let log = try transfer.encode(values)
    #expect(
      log.topics == [transfer.topic0, .zero, Bytes32(UInt256(255))] && log.data == ABI.word(UInt256(7)))
    #expect(try transfer.decode(topics: log.topics, data: log.data) == values)
    #expect(transfer.description == "Transfer(address indexed from,address indexed to,uint256 amount)")
    #expect(try ABIEvent(name: "Transfer", parameters: transfer.parameters) == transfer)
  }

  /// What has more than one word is in a topic as its hash only.
  @Test func longIndexedValuesAreHashes() throws {
    let range = ABIValue.tuple([.int(-1), .int(2)])
    let log = try mixed.encode([.string("name"), .uint(3), .bytes32(.zero), .string("text"), range])
    let rangeHash = Keccak256.hash([UInt8](repeating: 255, count: 32) + ABI.word(UInt256(2)))
    #expect(log.topics == [mixed.topic0, Keccak256.hash("name".utf8), .zero, rangeHash])
    #expect(log.data == ABI.encode([.uint(3), .string("text")]))
    #expect(
      try mixed.decode(topics: log.topics, data: log.data) == [
        .bytes32(Keccak256.hash("name".utf8)), .uint(3), .bytes32(.zero), .string("text"),
        .bytes32(rangeHash),
      ])
    #expect(ABIEvent.topic(of: .bytes([1, 2])) == Keccak256.hash([1, 2]))
    // Inside an array texts are filled up to whole words.
    let word = [UInt8(ascii: "a")] + [UInt8](repeating: 0, count: 31)
    #expect(ABIEvent.topic(of: .array([.string("a"), .bytes([97])])) == Keccak256.hash(word + word))
  }

  @Test func brokenLogsAreRefused() throws {
    let log = try transfer.encode([.address(.zero), .address(.zero), .uint(7)])
    func refusal(_ topics: [Bytes32], _ data: [UInt8]) -> String? {
      do throws(FormatError) {
        _ = try transfer.decode(topics: topics, data: data)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(refusal(log.topics, log.data) == nil)
    #expect(refusal([], log.data) == "format.abiTopicCount")
    #expect(refusal(Array(log.topics.dropLast()), log.data) == "format.abiTopicCount")
    #expect(refusal(log.topics + [.zero], log.data) == "format.abiTopicCount")
    #expect(refusal([.zero, .zero, .zero], log.data) == "format.abiSelector")
    #expect(refusal([log.topics[0], Bytes32(UInt256.max), .zero], log.data) == "format.abiRange")
    #expect(refusal(log.topics, []) == "format.abiTruncated")
    #expect(throws: FormatError.self) { try transfer.encode([.address(.zero), .address(.zero)]) }
    #expect(throws: FormatError.self) { try transfer.encode([.address(.zero), .uint(1), .uint(7)]) }
  }

  @Test func atMostThreeParametersAreIndexed() throws {
    let three = "E(bool indexed a,bool indexed b,bool indexed c,bool)"
    #expect(try ABIEvent(parsing: three).parameters.map(\.isIndexed) == [true, true, true, false])
    #expect(throws: FormatError.self) {
      try ABIEvent(parsing: "E(bool indexed a,bool indexed b,bool indexed,bool indexed)")
    }
    #expect(throws: FormatError.self) { try ABIEvent(parsing: "E(bool) returns (bool)") }
  }
}
