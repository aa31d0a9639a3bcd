import EmethKit

/// Any bytes: JSON is read or refused, and what was read and has a canonical text reads as the same value again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  guard let value = try? JSONValue(parsing: text), let canonical = try? value.canonical else { return 0 }
  guard let again = try? JSONValue(parsing: canonical), let second = try? again.canonical else {
    preconditionFailure("canonical JSON does not read: \(canonical)")
  }
  precondition(second == canonical, "canonical JSON is not canonical: \(canonical)")
  return 0
}
