import EmethKit

/// A type's text, a zero byte, and data: the data is refused, or its values encode, and canonical data encodes as
/// itself.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = UnsafeBufferPointer(start: bytes, count: count)
  let halves = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  guard let type = try? ABIType(parsing: String(decoding: halves[0], as: UTF8.self)) else { return 0 }
  guard let again = try? ABIType(parsing: type.description), again == type else {
    preconditionFailure("a type's canonical text reads as another type: \(type)")
  }
  guard halves.count == 2 else { return 0 }
  let data = Array(halves[1])
  guard let values = try? ABI.decode(data, as: [type]) else { return 0 }
  guard let written = try? ABI.encode(values, as: [type]) else {
    preconditionFailure("values of \(type) were read that do not encode")
  }
  guard let same = try? ABI.decode(written, as: [type], canonical: true), same == values else {
    preconditionFailure("values of \(type) do not read again")
  }
  if (try? ABI.decode(data, as: [type], canonical: true)) != nil {
    precondition(written == data, "canonical data of \(type) encodes as other bytes")
  }
  return 0
}
