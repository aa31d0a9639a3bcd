import EmethKit
import Foundation
import Synchronization

/// What takes in hashed runs of records in their order: the makers of plans and of proofs.
protocol RecordRunConsumer: Sendable {
  mutating func append(_ run: RecordRun) throws(SplittingError)
}

extension SplitPlanBuilder: RecordRunConsumer {}
extension RecordProofBuilder: RecordRunConsumer {}

/// Reads, checks and hashes sections of a file on all processors, and writes them into the parts' files.
struct RecordHashing: Sendable {
  let file: DataSetFile
  let kind: RecordKind
  /// The secret of each part that has sections.
  let partSecret: @Sendable (UInt32) -> Bytes32
  let context: CommandContext
  /// What is said about it while it goes on.
  var title: String
  /// Where a section is written; nil to write nothing.
  var write: (@Sendable (RecordSection, UnsafeRawBufferPointer) throws -> Void)?

  /// Gives the runs of all sections to the consumer, in order, and returns it.
  ///
  /// - Throws: What the earliest section met, so that the error does not depend on the threads.
  func run<Consumer: RecordRunConsumer>(_ sections: [RecordSection], into consumer: Consumer) throws
    -> Consumer
  {
    let state = Mutex(OrderedRuns(consumer: consumer))
    let longest = sections.map(\.bytes.count).max() ?? 0
    let workers = min(sections.count, ProcessInfo.processInfo.activeProcessorCount)
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: longest, alignment: 64)
      defer { buffer.deallocate() }
      while let index = take(from: sections, state) {
        do {
          let run = try hash(sections[index], in: buffer)
          try state.withLock { try $0.deliver(run, of: index) }
        } catch {
          state.withLock { $0.fail(error, at: index) }
        }
      }
    }
    context.talk.clear()
    return try state.withLock { state in
      if let failure = state.failure { throw failure.error }
      return state.consumer
    }
  }

  private func take<Consumer>(
    from sections: [RecordSection], _ state: borrowing Mutex<OrderedRuns<Consumer>>
  ) -> Int? {
    state.withLock { state in
      guard state.failure == nil, state.next < sections.count else { return nil }
      defer { state.next += 1 }
      let next = state.next
      context.talk.show([
        "\(title)  \(ProgressBar.text(done: next, of: sections.count, width: 30)) \(100 * next / sections.count) %"
      ])
      return next
    }
  }

  private func hash(_ section: RecordSection, in buffer: UnsafeMutableRawBufferPointer) throws -> RecordRun {
    try context.cancellation.check()
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<section.bytes.count])
    guard try file.read(into: part, at: section.bytes.lowerBound) else {
      throw CommandFailure.changed(file.name)
    }
    let bytes = UnsafeRawBufferPointer(part)
    var run = RecordRun(
      part: section.part, partStart: section.partStart, firstRecord: section.records.lowerBound)
    do throws(SplittingError) {
      try run.append(
        recordsIn: bytes, kind: kind, at: section.bytes.lowerBound,
        hasher: RecordHasher(partSecret: partSecret(section.part)))
    } catch {
      guard case .notJSON = error else { throw CommandFailure.changed(file.name) }
      throw CommandFailure(inDataSet: file.name, error)
    }
    guard run.records == section.records else { throw CommandFailure.changed(file.name) }
    try write?(section, bytes)
    return run
  }
}

/// The runs that have been hashed, brought into order.
private struct OrderedRuns<Consumer: RecordRunConsumer>: Sendable {
  var consumer: Consumer
  /// The first section that nobody has taken.
  var next = 0
  /// The failure of the earliest section that failed.
  private(set) var failure: (section: Int, error: any Error)?
  /// The first section whose run has not been given on.
  private var delivered = 0
  private var waiting: [Int: RecordRun] = [:]

  init(consumer: Consumer) {
    self.consumer = consumer
  }

  mutating func deliver(_ run: RecordRun, of section: Int) throws {
    waiting[section] = run
    while let run = waiting.removeValue(forKey: delivered) {
      try consumer.append(run)
      delivered += 1
    }
  }

  mutating func fail(_ error: any Error, at section: Int) {
    guard failure.map({ section < $0.section }) ?? true else { return }
    failure = (section, error)
  }
}
