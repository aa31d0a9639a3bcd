/// The type of a value of the contract ABI, such as `uint256` or `(address,string)[]`.
///
/// ```swift
/// let type: ABIType = "(uint256,bytes16[3],(address,string)[])"
/// print(type, type.isDynamic)                  // (uint256,bytes16[3],(address,string)[]) true
/// let other = try ABIType(parsing: userText)   // text from elsewhere: throws where a literal would trap
/// ```
/// Every type takes up at least one word. The specification's `()` and `T[0]`, which no contract language
/// has, are therefore refused, and so are `fixed` and `function`, which nothing here needs: an array of what
/// takes no room could claim any number of elements.
public struct ABIType: Sendable {
  /// What a type is made of.
  public indirect enum Form: Hashable, Sendable {
    /// `uint8` ... `uint256`, in steps of 8 bits.
    case uint(bits: Int)
    /// `int8` ... `int256`, in steps of 8 bits.
    case int(bits: Int)
    /// `address`.
    case address
    /// `bool`.
    case bool
    /// `bytes1` ... `bytes32`.
    case fixedBytes(count: Int)
    /// `bytes`.
    case bytes
    /// `string`.
    case string
    /// `T[]`.
    case array(of: ABIType)
    /// `T[k]`, k at least 1.
    case fixedArray(of: ABIType, count: Int)
    /// `(T1,T2,...)`: a struct of at least one member.
    case tuple([ABIType])
  }

  /// What the type is made of.
  public let form: Form
  /// Whether values stand behind the heads, with an offset in their place.
  public let isDynamic: Bool
  /// The fewest bytes that a value's own encoding takes, always a multiple of 32: all of it for a static
  /// type; a length or the heads of the members for a dynamic one.
  let leastByteCount: Int
  /// How many arrays and tuples lie in each other.
  let depth: Int

  /// How many arrays and tuples may lie in each other.
  public static let depthLimit = 32
  /// The most bytes that a type may take up before any of its dynamic parts: 2^31 − 1.
  public static let byteLimit = Int(Int32.max)
  /// The longest text of a type or of a declaration, in bytes.
  public static let textLimit = 1 << 16

  /// A type of this form.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)``, with position 0, for a width or count that does not
  ///   exist and beyond ``depthLimit`` and ``byteLimit``.
  public init(_ form: Form) throws(FormatError) {
    do throws(Flaw) {
      try self.init(checking: form)
    } catch {
      throw .abiType(problem: error.problem, at: 0)
    }
  }

  /// Why there is no such type, before it is known where the text says so.
  struct Flaw: Error {
    let problem: String
  }

  init(checking form: Form) throws(Flaw) {
    self.form = form
    switch form {
    case .uint(let bits), .int(let bits):
      guard (8...256).contains(bits), bits % 8 == 0 else {
        throw Flaw(problem: "integers have 8, 16, ... 256 bits, not \(bits)")
      }
      (isDynamic, leastByteCount, depth) = (false, 32, 0)
    case .fixedBytes(let count):
      guard (1...32).contains(count) else { throw Flaw(problem: "bytesN has 1 to 32 bytes, not \(count)") }
      (isDynamic, leastByteCount, depth) = (false, 32, 0)
    case .address, .bool: (isDynamic, leastByteCount, depth) = (false, 32, 0)
    case .bytes, .string: (isDynamic, leastByteCount, depth) = (true, 32, 0)
    case .array(let element):
      (isDynamic, leastByteCount) = (true, 32)
      depth = try Self.depth(around: element.depth)
    case .fixedArray(let element, let count):
      guard count > 0 else { throw Flaw(problem: "an array of fixed length has at least one element") }
      let (byteCount, overflow) = element.headByteCount.multipliedReportingOverflow(by: count)
      guard !overflow, byteCount <= Self.byteLimit else { throw Self.tooLarge }
      (isDynamic, leastByteCount) = (element.isDynamic, byteCount)
      depth = try Self.depth(around: element.depth)
    case .tuple(let members):
      guard !members.isEmpty else { throw Flaw(problem: "a tuple has at least one member") }
      var byteCount = 0
      for member in members {
        byteCount += member.headByteCount
        guard byteCount <= Self.byteLimit else { throw Self.tooLarge }
      }
      (isDynamic, leastByteCount) = (members.contains { $0.isDynamic }, byteCount)
      depth = try Self.depth(around: members.reduce(0) { max($0, $1.depth) })
    }
  }

  private static let tooLarge = Flaw(problem: "the type takes more than \(byteLimit) bytes")

  private static func depth(around inner: Int) throws(Flaw) -> Int {
    guard inner < depthLimit else { throw Flaw(problem: "types lie in each other deeper than \(depthLimit)") }
    return inner + 1
  }

  /// The bytes among the heads: an offset, or the value itself.
  var headByteCount: Int { isDynamic ? 32 : leastByteCount }
}

extension ABIType: Hashable {
  /// Whether both are made of the same; `uint` and `uint256` are.
  public static func == (left: ABIType, right: ABIType) -> Bool {
    left.form == right.form
  }

  /// Feeds what the type is made of to the hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(form)
  }
}

extension ABIType: CustomStringConvertible {
  /// The canonical text, as it stands in a signature: no spaces, no names, `uint256` for `uint`.
  public var description: String {
    switch form {
    case .uint(let bits): "uint\(bits)"
    case .int(let bits): "int\(bits)"
    case .address: "address"
    case .bool: "bool"
    case .fixedBytes(let count): "bytes\(count)"
    case .bytes: "bytes"
    case .string: "string"
    case .array(let element): "\(element)[]"
    case .fixedArray(let element, let count): "\(element)[\(count)]"
    case .tuple(let members): "(\(members.map(\.description).joined(separator: ",")))"
    }
  }
}
