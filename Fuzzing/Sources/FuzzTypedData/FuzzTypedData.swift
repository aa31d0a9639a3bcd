import EmethKit

/// Any bytes: EIP-712 JSON is refused, or has one digest, whatever the white space and the order of its members.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  guard let json = try? JSONValue(parsing: text), let data = try? TypedData(json: json) else { return 0 }
  if let canonical = try? json.canonical {
    guard let again = try? TypedData(json: JSONValue(parsing: canonical)) else {
      preconditionFailure("the canonical form is refused: \(canonical)")
    }
    precondition(again.digest == data.digest, "the canonical form has another digest: \(canonical)")
  }
  return 0
}
