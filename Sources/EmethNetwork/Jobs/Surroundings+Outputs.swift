import EmethKit
import Foundation

/// What nodes and verifiers hand to the Aggregator: outputs of parts, and updates where nobody is hidden. They lie among
/// the objects as age files that the Aggregator's key alone opens, each under a file key of its own (PROTOCOL 5).
extension Surroundings {
  /// So long beyond its use the word on the Aggregator's key counts, seconds: outages prolong what is due.
  private var bindingGraceSeconds: UInt64 { 30 * 86_400 }

  /// The Aggregator's word on the key that is sealed to; `nil` where everybody is in one process.
  ///
  /// - Parameter time: until when it is needed, unix seconds.
  func aggregatorBinding(until time: UInt64) -> SignedKeyBinding? {
    guard isLive else { return nil }
    let key = operatorKeys.aggregator
    let binding = KeyBinding(of: key, expiry: time + bindingGraceSeconds)
    return SignedKeyBinding(signing: binding, in: domain, with: key)
  }

  /// Reads an output that was handed over, piece by piece; one that came before outputs were sealed as it is.
  func forEachPiece(
    ofOutput object: Bytes32, _ body: (UnsafeRawBufferPointer) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    guard isLive, try store.isSealed(object) else { return try store.forEachPiece(of: object, body) }
    try store.forEachPiece(ofSealed: object, with: operatorKeys.aggregator.sealingIdentity(), body)
  }

  /// An output that was handed over.
  func output(_ object: Bytes32) throws(NetworkError) -> Data {
    var data = Data()
    try forEachPiece(ofOutput: object) { data.append(contentsOf: $0) }
    return data
  }
}
