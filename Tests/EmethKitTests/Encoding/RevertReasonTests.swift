import EmethKit
import Testing

@Suite struct RevertReasonTests {
  private let tooLow: ABICustomError = "BalanceTooLow(uint256 found,uint256 needed)"

  @Test func builtInErrorsAreRead() throws {
    let message = try RevertReason.messageError.encode([.string("deposit too low")])
    #expect(Hex.encode(message.prefix(4)) == "0x08c379a0")
    #expect(RevertReason(message) == .message("deposit too low"))
    #expect("\(RevertReason(message))" == "reverted: \"deposit too low\"")
    let panic = try RevertReason.panicError.encode([.uint(0x11)])
    #expect(Hex.encode(panic.prefix(4)) == "0x4e487b71")
    #expect(RevertReason(panic) == .panic(code: 0x11))
    #expect("\(RevertReason(panic))" == "panicked with code 17: a number overflowed")
    #expect(RevertReason([]) == .silent && "\(RevertReason([]))" == "reverted without a reason")
    for code in [0, 1, 0x12, 0x21, 0x22, 0x31, 0x32, 0x41, 0x51] {
      #expect(!RevertReason.panic(code: UInt256(code)).description.hasSuffix("unknown"))
    }
    #expect(RevertReason.panic(code: 2).description.hasSuffix("unknown"))
  }

  @Test func declaredErrorsAreRead() throws {
    let data = try tooLow.encode([.uint(1), .uint(2)])
    #expect(tooLow.signature == "BalanceTooLow(uint256,uint256)" && tooLow.parameters.count == 2)
    #expect(RevertReason(data, errors: [tooLow]) == .custom(tooLow, [.uint(1), .uint(2)]))
    #expect("\(RevertReason(data, errors: [tooLow]))" == "reverted with BalanceTooLow(uint256,uint256)")
    #expect(RevertReason(data) == .unknown(data))
    #expect(try tooLow.decode(data) == [.uint(1), .uint(2)])
    #expect(try ABICustomError(parsing: tooLow.description) == tooLow)
    #expect(try ABICustomError(name: tooLow.name, parameters: tooLow.parameters) == tooLow)
    #expect(throws: FormatError.self) { try ABICustomError(parsing: "E(bool indexed a)") }
  }

  /// Whatever a contract leaves behind is kept, and safe to print.
  @Test func brokenDataIsKept() throws {
    let message = try RevertReason.messageError.encode([.string("x")])
    for broken in [
      [1], Array(message.prefix(4)), Array(message.dropLast()), try tooLow.encode([.uint(1), .uint(2)]),
    ] {
      #expect(RevertReason(broken) == .unknown(broken))
    }
    #expect("\(RevertReason([1, 2]))" == "reverted with 2 bytes that are no known reason: 0x0102")
    let hostile = try RevertReason.messageError.encode([
      .string("\u{1B}[2J" + String(repeating: "a", count: 99))
    ])
    #expect(
      !RevertReason(hostile).description.contains("\u{1B}") && RevertReason(hostile).description.count < 80)
  }
}
