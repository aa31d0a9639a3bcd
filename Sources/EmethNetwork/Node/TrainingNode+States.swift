import EmethCompute
import EmethKit
import Foundation

/// The states that a node has to show: kept, or computed again.
extension TrainingNode {
  /// The state at a boundary, with the root that the node committed to.
  ///
  /// One that is not kept, or that a power failure damaged, is computed from the nearest sound one before
  /// it, or from the round's model.
  ///
  /// - Parameter near: a sound state that is at hand.
  func state(
    at boundary: Int, of record: NodeVault.Record, in vault: NodeVault, on device: Device,
    near: (boundary: Int, state: Data)? = nil, stop: StopFlag = StopFlag()
  ) throws(NetworkError) -> Data {
    let earlier = try vault.boundaries().filter { $0 <= boundary }.sorted(by: >)
    if let near, near.boundary <= boundary, near.boundary >= earlier.first ?? 0 {
      if near.boundary == boundary { return near.state }
      if let computed = try compute(boundary, from: near, of: record, on: device, stop: stop) {
        return computed
      }
    }
    for kept in earlier {
      guard let state = try? vault.state(boundary: kept), Self.root(of: state) == record.stateRoots[kept]
      else { continue }
      if kept == boundary { return state }
      let computed = try compute(
        boundary, from: (kept, state), of: record, on: device, stop: stop)
      if let computed { return computed }
    }
    guard let computed = try compute(boundary, from: nil, of: record, on: device, stop: stop) else {
      throw .inconsistent(
        what: "node \(address) cannot compute SubJob \(record.assignment.subJob) to the same bits again")
    }
    return computed
  }

  /// Computes the state at a boundary; `nil` when it is not the one that the node committed to.
  private func compute(
    _ boundary: Int, from kept: (boundary: Int, state: Data)?, of record: NodeVault.Record, on device: Device,
    stop: StopFlag
  ) throws(NetworkError) -> Data? {
    let assignment = record.assignment
    let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
    let conduct = try markedConduct(of: assignment.subJob, segments: Int(manifest.segmentCount))
    let (data, _) = try dataAndSchedule(of: assignment)
    let run = try TrainingRun(
      manifest: manifest, position: assignment.position, sequenceCount: data.count, device: device)
    if let kept {
      try run.state.decode(kept.state)
    } else {
      try run.begin(
        parameters: store.get(assignment.startingParameters), round: assignment.position.round)
      conduct.disturbStart(run.state)
    }
    for segment in (kept?.boundary ?? 0)..<boundary {
      for step in run.schedule.steps(ofSegment: segment) {
        if stop.isRaised { throw .interrupted }
        _ = try train(run, step: step, on: data, as: conduct)
      }
      conduct.at(segment).disturbEnd(run.state)
    }
    return try run.stateRoot() == record.stateRoots[boundary] ? run.state.encoded() : nil
  }

  /// The root of an encoded state (PROTOCOL 7).
  private static func root(of state: Data) -> Bytes32 {
    StateTree.root(
      leafHashes: stride(from: 0, to: state.count, by: TrainingState.leafByteCount).map { start in
        StateTree.leafHash(state.dropFirst(start).prefix(TrainingState.leafByteCount))
      })
  }
}
