import EmethCompute
import EmethKit

/// Which steps a segment has and which sequences they read; it follows from the manifest and the SubJob's
/// place alone, so node and verifier compute it independently.
///
/// What it takes does not grow with the number of steps: a manifest of a stranger may name a million, of 65,536
/// sequences each.
struct SegmentSchedule {
  /// The most sequences that a segment reads, each as often as it is read.
  static let readLimit = Int(TrainingManifest.segmentReadLimit)

  let stepsPerRound: Int
  let segmentLength: Int
  let batch: Int
  private let sequenceCount: Int
  /// The order of the whole SubJob, at its beginning.
  private let beginning: SampleOrder
  /// The order at the first sequence of ``nextStep``, since steps are mostly asked for one after another.
  private var order: SampleOrder
  private var nextStep = 0

  /// - Throws: ``NetworkError/compute(_:)`` when the part has no sequences, a segment reads more than
  ///   ``readLimit`` of them, or the SubJob goes through the part more than 2^32 − 1 times.
  init(manifest: TrainingManifest, position: SubJobPosition, sequenceCount: Int) throws(NetworkError) {
    stepsPerRound = Int(manifest.stepsPerRound)
    segmentLength = Int(manifest.segmentLength)
    batch = Int(manifest.batch)
    self.sequenceCount = sequenceCount
    do throws(ComputeError) {
      guard segmentLength * batch <= Self.readLimit else {
        throw .invalidInput(
          what: "sequences that a segment reads", found: "\(segmentLength) x \(batch)",
          allowed: "at most \(Self.readLimit)")
      }
      guard sequenceCount > 0, stepsPerRound * batch / sequenceCount < UInt32.max else {
        throw .invalidInput(
          what: "sequences of a part of which a SubJob reads \(stepsPerRound) x \(batch)",
          found: "\(sequenceCount)", allowed: "\(stepsPerRound * batch / Int(UInt32.max) + 1) or more")
      }
      beginning = try SampleOrder(
        seed: manifest.seed.bytes, part: position.part, round: position.round, sequences: sequenceCount)
      order = beginning
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

  /// The positions that local step `step` reads, in the batch's order; O(batch) for the step after the last one that was
  /// asked for, for another one O(sequences of the part) besides.
  mutating func sequences(ofStep step: Int) throws(NetworkError) -> [Int] {
    do throws(ComputeError) {
      if step != nextStep {
        order = beginning
        try order.skip(step * batch)
      }
      nextStep = step + 1
      return try order.next(batch)
    } catch {
      throw .compute(error)
    }
  }

  /// The positions that a segment reads, ascending, each once; O(sequences of the part + those read).
  func sequences(ofSegment segment: Int) throws(NetworkError) -> [Int] {
    let steps = steps(ofSegment: segment)
    // Among so many there is a whole pass.
    guard steps.count * batch < 2 * sequenceCount else { return Array(0..<sequenceCount) }
    do throws(ComputeError) {
      var order = beginning
      try order.skip(steps.lowerBound * batch)
      var isRead = [Bool](repeating: false, count: sequenceCount)
      for _ in 0..<steps.count * batch { isRead[try order.next()] = true }
      return isRead.indices.filter { isRead[$0] }
    } catch {
      throw .compute(error)
    }
  }
}
