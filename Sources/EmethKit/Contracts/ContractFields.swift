/// The decoded values of a result or an event, taken one after the other as the types of this library.
struct ContractFields {
  private let source: String
  private let names: [String]
  private let values: [ABIValue]
  private var position = 0

  init(source: String, parameters: [ABIParameter], values: [ABIValue]) {
    self.source = source
    names = parameters.map(\.name)
    self.values = values
  }

  /// `uint256` of any meaning.
  mutating func number() throws(ContractError) -> UInt256 {
    guard case .uint(let number)? = next() else { throw mismatch("an integer") }
    return number
  }

  /// An unsigned integer of at most 64 bits: a time, a count, an epoch, a slot.
  mutating func count<Number: FixedWidthInteger & UnsignedInteger>(
    _ type: Number.Type = Number.self
  ) throws(ContractError) -> Number {
    let number = try number()
    guard number <= UInt256(UInt64(Number.max)) else {
      throw refused(found: "\(number)", allowed: "at most \(Number.max)")
    }
    return Number(truncatingIfNeeded: number.low)
  }

  /// The same, where 0 stands for none.
  mutating func countUnlessZero() throws(ContractError) -> UInt64? {
    let number: UInt64 = try count()
    return number == 0 ? nil : number
  }

  mutating func amount() throws(ContractError) -> TokenAmount { TokenAmount(holon: try number()) }

  mutating func fuel() throws(ContractError) -> Fuel { Fuel(units: try count()) }

  mutating func fuelPrice() throws(ContractError) -> FuelPrice { FuelPrice(holonPerFuel: try number()) }

  mutating func program() throws(ContractError) -> ProgramID {
    guard let program = ProgramID(rawValue: try count()) else {
      throw refused(found: "0", allowed: "at least 1")
    }
    return program
  }

  mutating func status() throws(ContractError) -> JobStatus {
    let number = try number()
    guard number <= 255, let status = JobStatus(rawValue: UInt8(truncatingIfNeeded: number.low)) else {
      throw refused(found: "\(number)", allowed: "1 to 8")
    }
    return status
  }

  mutating func address() throws(ContractError) -> Address {
    guard case .address(let address)? = next() else { throw mismatch("an address") }
    return address
  }

  /// The same, where the zero address stands for none.
  mutating func addressUnlessZero() throws(ContractError) -> Address? {
    let address = try address()
    return address == .zero ? nil : address
  }

  mutating func bytes32() throws(ContractError) -> Bytes32 {
    guard case .bytes32(let bytes)? = next() else { throw mismatch("32 bytes") }
    return bytes
  }

  mutating func fixedBytes() throws(ContractError) -> [UInt8] {
    guard case .fixedBytes(let bytes)? = next() else { throw mismatch("bytes") }
    return bytes
  }

  mutating func jobID() throws(ContractError) -> JobID {
    guard let id = JobID(try fixedBytes()) else { throw mismatch("16 bytes") }
    return id
  }

  /// The same, where zeros stand for none.
  mutating func jobIDUnlessZero() throws(ContractError) -> JobID? {
    let id = try jobID()
    return id.bytes.allSatisfy { $0 == 0 } ? nil : id
  }

  mutating func bool() throws(ContractError) -> Bool {
    guard case .bool(let truth)? = next() else { throw mismatch("a bool") }
    return truth
  }

  mutating func text() throws(ContractError) -> String {
    guard case .string(let text)? = next() else { throw mismatch("a string") }
    return text
  }

  /// The error that says that the last value taken is none of ours.
  func refused(found: String, allowed: String) -> ContractError {
    .value(of: source, member: name, found: found, allowed: allowed)
  }

  private var name: String {
    let index = position - 1
    return names.indices.contains(index) && !names[index].isEmpty ? names[index] : "result \(index)"
  }

  private mutating func next() -> ABIValue? {
    position += 1
    return values.indices.contains(position - 1) ? values[position - 1] : nil
  }

  /// A table entry and the code that reads it say different things: no data can bring that about.
  private func mismatch(_ needed: String) -> ContractError {
    let found = values.indices.contains(position - 1) ? values[position - 1].kind : "nothing"
    return refused(found: found, allowed: needed)
  }
}

extension ABIValue {
  /// An unsigned integer of at most 64 bits.
  static func number(_ number: UInt64) -> ABIValue { .uint(UInt256(number)) }

  static func number(_ amount: TokenAmount) -> ABIValue { .uint(amount.holon) }

  static func number(_ fuel: Fuel) -> ABIValue { number(fuel.units) }

  static func number(_ price: FuelPrice) -> ABIValue { .uint(price.holonPerFuel) }

  static func number(_ program: ProgramID) -> ABIValue { number(program.rawValue) }

  static func bytes16(_ id: JobID) -> ABIValue { .fixedBytes(id.bytes) }

  static func proof(_ path: [Bytes32]) -> ABIValue { .array(path.map { .bytes32($0) }) }

  static func signature(_ signature: Signature) -> ABIValue { .bytes(signature.bytes) }
}
