import EmethCompute
import EmethKit

/// Which steps a segment has and which sequences they read; it follows from the manifest and the SubJob's
/// place alone, so node and verifier compute it independently.
struct SegmentSchedule {
  let stepsPerRound: Int
  let segmentLength: Int
  let batch: Int
  /// Positions in the part's sequences, batch after batch, for the whole SubJob.
  private let order: [Int]

  init(manifest: TrainingManifest, position: SubJobPosition, sequenceCount: Int) throws(NetworkError) {
    stepsPerRound = Int(manifest.stepsPerRound)
    segmentLength = Int(manifest.segmentLength)
    batch = Int(manifest.batch)
    do throws(ComputeError) {
      var order = try SampleOrder(
        seed: manifest.seed.bytes, part: position.part, round: position.round, sequences: sequenceCount)
      self.order = try order.next(stepsPerRound * batch)
    } catch {
      throw .compute(error)
    }
  }

  /// Number of segments; the last may be shorter.
  var segmentCount: Int { (stepsPerRound + segmentLength - 1) / segmentLength }

  /// The local steps of a segment.
  func steps(ofSegment segment: Int) -> Range<Int> {
    segment * segmentLength..<min(stepsPerRound, (segment + 1) * segmentLength)
  }

  /// The positions that local step `step` reads, in the batch's order.
  func sequences(ofStep step: Int) -> ArraySlice<Int> { order[step * batch..<(step + 1) * batch] }

  /// The positions that a segment reads, ascending, each once.
  func sequences(ofSegment segment: Int) -> [Int] {
    let steps = steps(ofSegment: segment)
    return Set(order[steps.lowerBound * batch..<steps.upperBound * batch]).sorted()
  }
}
