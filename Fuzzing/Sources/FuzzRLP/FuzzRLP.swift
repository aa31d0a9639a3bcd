import EmethKit

/// Any bytes: RLP and signed transactions have one encoding each, so what is read is written the same again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  if let value = try? RLPValue(decoding: input) {
    precondition(value.encoded == input, "RLP was read that is not in its one form")
  }
  if let signed = try? SignedTransaction(decoding: input) {
    precondition(signed.encoded == input, "a transaction was read that is not in its one form")
    _ = signed.sender
  }
  _ = try? Transaction(signingPayload: input)
  return 0
}
