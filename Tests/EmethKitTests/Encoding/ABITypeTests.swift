import EmethKit
import Testing

@Suite struct ABITypeTests {
  @Test(arguments: [
    ("uint8", "uint8", false), ("uint256", "uint256", false), ("uint", "uint256", false),
    ("int", "int256", false), ("int248", "int248", false), ("address", "address", false),
    ("bool", "bool", false), ("bytes1", "bytes1", false), ("bytes32", "bytes32", false),
    ("bytes", "bytes", true), ("string", "string", true), ("uint[]", "uint256[]", true),
    ("uint8[3]", "uint8[3]", false), ("string[3]", "string[3]", true), ("uint8[2][]", "uint8[2][]", true),
    ("uint8[][2]", "uint8[][2]", true), ("(bool)", "(bool)", false), ("(bool,string)", "(bool,string)", true),
    ("(uint,bytes16[3],(address,string)[])", "(uint256,bytes16[3],(address,string)[])", true),
    ("((((bool))))[1][2][3]", "((((bool))))[1][2][3]", false),
  ])
  func textIsRead(text: String, canonical: String, isDynamic: Bool) throws {
    let type = try ABIType(parsing: text)
    #expect(type.description == canonical && type.isDynamic == isDynamic)
    #expect(try ABIType(parsing: canonical) == type)
  }

  @Test func literalsAndFormsAreTheSame() throws {
    let literal: ABIType = "(uint256,bytes16[3],(address,string)[])"
    let pair = try ABIType(.tuple(["address", "string"]))
    let built = try ABIType(
      .tuple(["uint256", ABIType(.fixedArray(of: "bytes16", count: 3)), ABIType(.array(of: pair))]))
    #expect(literal == built && literal.hashValue == built.hashValue)
    #expect(literal != pair)
  }

  /// Broken text, with the byte at which it breaks.
  @Test(arguments: [
    ("", 0), (" ", 0), ("uint ", 4), (" uint", 0), ("uint7", 0), ("uint0", 0), ("uint264", 0), ("uint08", 4),
    ("uint99999999999", 4), ("int1", 0), ("bytes0", 0), ("bytes33", 0), ("bytes032", 5), ("Bool", 0),
    ("bool8", 0), ("address1", 0), ("string8", 0), ("byte", 0), ("function", 0), ("fixed128x18", 0),
    ("tuple", 0), ("uint8]", 5), ("uint8[", 6), ("uint8[-1]", 6), ("uint8[0]", 0), ("uint8[01]", 6),
    ("uint8[1", 7), ("uint8[1,2]", 7), ("uint8[ 1]", 6), ("(", 1), (")", 0), ("()", 1), ("(bool", 5),
    ("(bool,", 6), ("(bool,)", 6), ("(,bool)", 1), ("(bool))", 6), ("(bool bool)", 5), ("(bool)()", 6),
    ("bool,bool", 4), ("(bool,uint7)", 6), ("(bool,(uint8,bytes99)[])", 13), ("()[]", 1),
    ("uint8[4294967296]", 0), ("uint8[67108864]", 0), ("uint8[1000000][1000000]", 0),
    ("(uint8[60000000],uint8[60000000])", 0), ("uint8[99999999999999999999]", 6), ("日本", 0),
  ])
  func brokenTextIsRefused(text: String, position: Int) {
    #expect {
      try ABIType(parsing: text)
    } throws: { error in
      guard case .abiType(_, let at)? = error as? FormatError else { return false }
      return at == position && (error as? FormatError)?.code == "format.abiType"
    }
  }

  @Test func limitsHold() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "(", count: depth) + "bool" + String(repeating: ")", count: depth)
    }
    #expect(try ABIType(parsing: nested(ABIType.depthLimit)).description == nested(ABIType.depthLimit))
    #expect(throws: FormatError.self) { try ABIType(parsing: nested(ABIType.depthLimit + 1)) }
    #expect(throws: FormatError.self) { try ABIType(parsing: String(repeating: "(", count: 60_000)) }
    let arrays = "bool" + String(repeating: "[]", count: ABIType.depthLimit)
    #expect(try ABIType(parsing: arrays).description == arrays)
    #expect(throws: FormatError.self) { try ABIType(parsing: arrays + "[]") }
    #expect(throws: FormatError.self) { try ABIType(parsing: arrays + "[1]") }
    let long = "(" + String(repeating: "bool,", count: 20_000) + "bool)"
    #expect {
      try ABIType(parsing: long)
    } throws: { error in
      (error as? FormatError)
        == .abiType(problem: "the text has 100006 bytes, allowed are 65536", at: ABIType.textLimit)
    }
    #expect(try ABIType(parsing: "uint8[67108863]").isDynamic == false)
  }

  @Test func formsThatCanNotExistAreRefused() {
    let forms: [ABIType.Form] = [
      .uint(bits: 0), .uint(bits: 7), .uint(bits: -8), .uint(bits: 264), .int(bits: 12),
      .fixedBytes(count: 0),
      .fixedBytes(count: 33), .fixedArray(of: "bool", count: 0), .fixedArray(of: "bool", count: -1),
      .fixedArray(of: "bool", count: .max), .tuple([]),
    ]
    for form in forms {
      #expect(throws: FormatError.self, "\(form)") { try ABIType(form) }
    }
  }
}
