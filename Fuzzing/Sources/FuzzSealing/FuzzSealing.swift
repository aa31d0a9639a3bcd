import EmethKit

/// Whom the corpus is sealed to: the account of the private key 1.
private let identity: SealingIdentity = {
  guard let key = try? PrivateKey(bytes: [UInt8](repeating: 0, count: 31) + [1]) else {
    preconditionFailure("1 is a private key")
  }
  return key.sealingIdentity()
}()

/// Any bytes: as a sealed file, as armor, and as texts of identities and recipients. A header that is read has one
/// encoding; where the input is cut into buffers changes nothing.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = UnsafeRawBufferPointer(start: bytes, count: count)
  var reader = SealedHeaderReader()
  if let used = try? reader.read(input), let header = reader.header {
    precondition(
      header.encoded.elementsEqual(input[..<used]), "a header was read that is not in its one form")
  }
  let whole = try? OpeningStream.open(Array(input), with: [identity])
  precondition(whole == inTwoBuffers(input), "where the file is cut into buffers changes what is read")

  var armor = ArmorReader()
  var unarmored: [UInt8] = []
  if (try? armor.append(Array(input), to: &unarmored)) != nil { try? armor.finish() }

  let text = String(decoding: input, as: UTF8.self)
  if let recipients = try? SealingRecipient.list(text) {
    for recipient in recipients {
      precondition(
        (try? SealingRecipient(recipient.description)) == recipient, "a recipient reads as another")
    }
  }
  _ = try? SealingIdentity.list(text)
  return 0
}

private func inTwoBuffers(_ input: UnsafeRawBufferPointer) -> [UInt8]? {
  var stream = OpeningStream(identities: [identity])
  var data: [UInt8] = []
  do {
    let middle = input.count / 2
    try stream.append(Array(input[..<middle]), to: &data)
    try stream.append(Array(input[middle...]), to: &data)
    try stream.finish(to: &data)
    return data
  } catch {
    return nil
  }
}
