import EmethCompute
import EmethKit
import Foundation

/// A SubJob's update as it travels: q of PROTOCOL 6, i32 little-endian in layout order, and the tree over its
/// 1 MiB chunks, salted as records are, whose root is a submission's resultRoot.
enum Update {
  static let chunkSize = 1 << 20

  /// The quantised difference between a round's starting parameters and a state, and how many coordinates
  /// were clipped; with `noise`, cut to its norm and with the noise added.
  static func quantised(
    from starting: Data, to state: TrainingState, exponents: [Int32], noise: NoisyUpdate? = nil
  ) throws(NetworkError) -> (update: Data, clipped: Int) {
    guard starting.count == state.parameters.count * 4 else {
      throw .malformed(
        what: "starting parameters",
        reason: "\(starting.count) bytes, this model has \(state.parameters.count * 4)")
    }
    return try asNetworkError {
      let quantiser = try Quantiser(layout: state.layout, exponents: exponents)
      let start = UnsafeMutableBufferPointer<Float>.allocate(capacity: state.parameters.count)
      defer { start.deallocate() }
      _ = starting.copyBytes(to: start)
      if let noise {
        var values = [Int32](repeating: 0, count: state.parameters.count)
        let clipped = try values.withUnsafeMutableBufferPointer { values in
          try noise.quantise(
            quantiser, start: UnsafeBufferPointer(start), end: UnsafeBufferPointer(state.parameters),
            into: values)
        }
        return (values.withUnsafeBufferPointer { Data(buffer: $0) }, clipped)
      }
      let (values, clipped) = try quantiser.quantise(
        start: UnsafeBufferPointer(start), end: UnsafeBufferPointer(state.parameters))
      return (values.withUnsafeBufferPointer { Data(buffer: $0) }, clipped)
    }
  }

  /// The update with every coordinate's sign turned: what a cheat could hand in.
  static func negated(_ update: Data) -> Data {
    let values = update.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        0 &- bytes.loadUnaligned(fromByteOffset: $0, as: Int32.self)
      }
    }
    return values.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  /// How many chunks, hence salts, an update of this size has.
  static func chunkCount(_ byteCount: Int) -> Int { max(1, (byteCount + chunkSize - 1) / chunkSize) }

  /// The root over the chunks.
  ///
  /// - Precondition: one salt a chunk.
  static func root(of update: Data, salts: [Data]) -> Bytes32 {
    precondition(salts.count == chunkCount(update.count), "one salt a chunk")
    return StateTree.root(
      leafHashes: salts.enumerated().map { index, salt in
        let start = update.startIndex + index * chunkSize
        return SplitPlan.recordLeafHash(
          salt: Array(salt), record: update[start..<min(update.endIndex, start + chunkSize)])
      })
  }
}

extension TrainingState {
  /// The state's root as a hash value.
  func rootHash(on device: Device) throws(NetworkError) -> Bytes32 {
    guard let hash = Bytes32(root(on: device)) else {
      throw .inconsistent(what: "a state root is not 32 bytes")
    }
    return hash
  }

  /// The state stream of PROTOCOL 7.
  func encoded() -> Data {
    var data = Data(capacity: Self.encodedByteCount(of: configuration))
    forEachPiece { data.append(contentsOf: $0) }
    return data
  }

  /// Takes over an encoded state.
  func decode(_ data: Data) throws(NetworkError) {
    do throws(ComputeError) {
      copy(from: try TrainingState(configuration: configuration, encoded: data))
    } catch {
      throw .compute(error)
    }
  }

  /// The parameters as bytes, binary32 little-endian in layout order.
  func parameterBytes() -> Data { Data(buffer: parameters) }

  /// Replaces the parameters by encoded ones.
  func loadParameters(_ data: Data) throws(NetworkError) {
    guard data.count == parameters.count * 4 else {
      throw .malformed(
        what: "model parameters", reason: "\(data.count) bytes, this model has \(parameters.count * 4)")
    }
    _ = data.copyBytes(to: parameters)
  }
}
