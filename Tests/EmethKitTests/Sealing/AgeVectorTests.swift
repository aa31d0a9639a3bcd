import EmethKit
import Testing

/// Every public vector of age: what must open opens, all else is refused for the right reason, and what is
/// given out before an error is exactly what may be. All of them are for X25519 recipients.
@Suite(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) struct AgeVectorTests {
  @Test func thereAreAllOfThem() {
    #expect(AgeVector.all.count >= 44)
  }

  @Test(arguments: AgeVector.all, [1, 100, 4096, 65_536, Int.max]) func stream(vector: AgeVector, step: Int) {
    // A byte at a time only where that takes no minutes.
    guard step >= 4096 || vector.file.count < 200_000 else { return }
    let (data, error) = opened(vector.file, vector.identities, step: step)
    if let hash = vector.payloadHash { #expect(SHA256.hash(data) == hash) } else { #expect(data.isEmpty) }
    switch vector.expectation {
    case .success: #expect(error == nil)
    case .noMatch:
      guard case .noMatch = error else { return record(error) }
    case .headerFailure:
      switch error {
      case .notSealed, .versionUnsupported, .headerMalformed, .headerAltered, .headerCut: break
      default: record(error)
      }
    case .payloadFailure:
      switch error {
      case .chunkAltered, .payloadCut, .trailingBytes, .emptyLastChunk: break
      default: record(error)
      }
    }
  }

  private func record(_ error: SealingError?) {
    Issue.record("another error: \(error.map { "\($0)" } ?? "none")")
  }
}

/// Opens a file in steps of so many bytes; gives what came out and the error that ended it.
func opened(
  _ file: [UInt8], _ identities: [SealingIdentity], step: Int = .max
) -> (data: [UInt8], error: SealingError?) {
  var data: [UInt8] = []
  var stream = OpeningStream(identities: identities.isEmpty ? [.someone] : identities)
  do throws(SealingError) {
    var rest = file[...]
    while !rest.isEmpty {
      try stream.append(rest.prefix(step), to: &data)
      rest = rest.dropFirst(step)
    }
    try stream.finish(to: &data)
    return (data, nil)
  } catch {
    return (data, error)
  }
}

extension SealingIdentity {
  /// An identity that nothing is sealed to.
  static var someone: SealingIdentity {
    var random = SystemRandomNumberGenerator()
    return SealingIdentity(using: &random)
  }
}
