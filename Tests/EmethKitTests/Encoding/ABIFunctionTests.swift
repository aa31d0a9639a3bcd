import EmethKit
import Testing

@Suite struct ABIFunctionTests {
  private let transfer: ABIFunction = "transfer(address to,uint256 amount) returns (bool)"

  @Test func selectorsAreThoseOfTheWorld() throws {
    #expect(
      transfer.selector.description == "0xa9059cbb" && transfer.signature == "transfer(address,uint256)")
    #expect(ABISelector(signature: "transfer(address,uint256)") == transfer.selector)
    #expect(ABISelector(of: [0xa9, 0x05, 0x9c, 0xbb, 7]) == transfer.selector)
    #expect(ABISelector(of: [0xa9, 0x05, 0x9c]) == nil)
    // From the specification of the contract ABI.
    let known: [(ABIFunction, String)] = [
      ("baz(uint32,bool)", "0xcdcd77c0"), ("bar(bytes3[2])", "0xfce353f6"),
      ("sam(bytes,bool,uint[])", "0xa5643bf2"), ("f(uint,uint32[],bytes10,bytes)", "0x8be65246"),
      ("g(uint256[][],string[])", "0x2289b18c"),
    ]
    for (function, selector) in known {
      #expect(function.selector.description == selector)
    }
  }

  @Test func callsAndResultsRoundTrip() throws {
    let to = try Address("0x00000000000000000000000000000000000000ff")
    let data = try transfer.encodeCall([.address(to), .uint(7)])
    #expect(data.count == 68 && Hex.encode(data.prefix(4)) == "0xa9059cbb")
    #expect(try transfer.decodeCall(data, canonical: true) == [.address(to), .uint(7)])
    #expect(try transfer.decodeResult(transfer.encodeResult([.bool(true)])) == [.bool(true)])

    let nothing: ABIFunction = "stop()"
    #expect(try nothing.encodeCall([]) == nothing.selector.bytes && nothing.decodeResult([]).isEmpty)
  }

  /// Positions count from the selector on, and the place is the parameter's name.
  @Test func brokenCallsAreRefused() throws {
    var data = try transfer.encodeCall([.address(.zero), .uint(7)])
    #expect(throws: FormatError.abi(.truncated(needed: 64, found: 63), at: 4, path: "")) {
      try transfer.decodeCall(Array(data.dropLast()))
    }
    #expect(throws: FormatError.abi(.truncated(needed: 4, found: 3), at: 0, path: "selector")) {
      try transfer.decodeCall(Array(data.prefix(3)))
    }
    #expect(throws: FormatError.abi(.trailing(byteCount: 1), at: 68, path: "")) {
      try transfer.decodeCall(data + [0], canonical: true)
    }
    #expect(try transfer.decodeCall(data + [0]).count == 2)
    data[4] = 1
    #expect {
      try transfer.decodeCall(data)
    } throws: { error in
      guard case .abi(.range, at: 4, path: "to")? = error as? FormatError else { return false }
      return (error as? FormatError)?.code == "format.abiRange"
    }
    data[0] = 0
    #expect(
      throws: FormatError.abi(.selector(found: "0x00059cbb", allowed: "0xa9059cbb"), at: 0, path: "selector")
    ) {
      try transfer.decodeCall(data)
    }
    #expect(throws: FormatError.self) { try transfer.encodeCall([.address(.zero)]) }
    #expect(throws: FormatError.abiValue(at: "amount", problem: "found a bool where uint256 is needed")) {
      try transfer.encodeCall([.address(.zero), .bool(true)])
    }
  }

  @Test func textIsReadAndWritten() throws {
    let text = "pay((address,uint256)[] rows,bytes16 id) returns (uint256 paid,bool)"
    let function = try ABIFunction(parsing: text)
    #expect(function.description == text && function.name == "pay")
    #expect(function.inputs.map(\.name) == ["rows", "id"] && function.outputs.map(\.name) == ["paid", ""])
    #expect(function.signature == "pay((address,uint256)[],bytes16)")
    // Spaces behind commas and names of members say nothing.
    #expect(
      try ABIFunction(
        parsing: "pay((address who, uint256 amount)[] rows, bytes16 id) returns (uint256 paid, bool)")
        == function)
    #expect(
      try ABIFunction(name: "pay", inputs: function.inputs, outputs: function.outputs) == function)
    #expect(throws: FormatError.self) { try ABIFunction(name: "pay(", inputs: []) }
    #expect(throws: FormatError.self) { try ABIFunction(name: "", inputs: []) }
    #expect(throws: FormatError.self) { try ABIFunction(name: "pay", inputs: [ABIParameter("a b", "bool")]) }
  }

  @Test(arguments: [
    ("", 0), ("1f()", 0), ("f", 1), ("f(", 2), ("f)", 1), ("f(bool", 6), ("f(bool,)", 7),
    ("f(bool ,bool)", 7),
    ("f(bool a b)", 8), ("f() ", 3), ("f() returns", 3), ("f() returns bool", 12), ("f()returns (bool)", 3),
    ("f(uint7 a)", 2), ("f((bool a,uint7 b) c)", 10), ("f((bool ) c)", 8), ("f(bool indexed a)", 14),
    ("f (bool)", 1), ("function f()", 8), ("f()()", 3), ("日()", 0),
  ])
  func brokenTextIsRefused(text: String, position: Int) {
    #expect {
      try ABIFunction(parsing: text)
    } throws: { error in
      guard case .abiType(_, let at)? = error as? FormatError else { return false }
      return at == position
    }
  }
}
