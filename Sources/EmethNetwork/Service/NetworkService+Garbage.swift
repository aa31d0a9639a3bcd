import EmethKit
import Foundation

/// Objects that nobody needs any more: found by who holds what (``HoldStore``), and deleted.
///
/// It may be killed anywhere: what is left then is garbage or a note that something is being deleted, with which the next
/// one goes on.
extension NetworkService {
  /// What a look over all objects has come to.
  struct Collection: Sendable, Equatable {
    /// Objects that were deleted.
    var objects = 0
    /// Their bytes.
    var bytes: UInt64 = 0
    /// Why the first of those that could not be deleted was not; the others were all the same.
    var failure: NetworkError?
  }

  private static let collectorLease = "collector"
  /// So long a request of a server that lost its lease may still be on its way to the store, seconds.
  private static let straggleSeconds: UInt64 = 300

  /// Whether this process is the one that deletes.
  private var isCollector: Bool { database.leases?.take([Self.collectorLease]).isEmpty != true }

  /// Deletes what nobody needs, and releases the bonds of who has left, when the service starts and every so often; of
  /// several servers one does.
  func collectRegularly(_ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    var next = ContinuousClock.now
    while !Task.isCancelled {
      do throws(NetworkError) {
        if isCollector {
          let failure: NetworkError?
          if ContinuousClock.now >= next {
            try releaseBonds()
            failure = try collect().failure
            next = .now + .seconds(Double(settings.collectionSeconds))
          } else {
            // What another server was about to delete when it ended, and what jobs let go of.
            failure = try finishRemovals()
          }
          if let failure { onError(nil, failure) }
        }
      } catch {
        onError(nil, error)
      }
      try? await Task.sleep(for: .seconds(min(5, Double(settings.collectionSeconds))))
    }
  }

  /// Ends the holds of what has ended, and deletes every object that nobody holds and that is old enough; nothing where
  /// another server does.
  ///
  /// - Parameter wall: this machine's time, unix seconds, by which objects are old.
  @discardableResult
  func collect(
    wall: UInt64 = UInt64(max(0, Date().timeIntervalSince1970))
  ) throws(NetworkError) -> Collection {
    guard isCollector else { return Collection() }
    var collection = Collection(failure: try finishRemovals())
    try endHolds()
    for (store, place) in [(store, ObjectName.objects), (splitterStore, ObjectName.splitter)] {
      try store.sweepDrafts(olderThan: Self.draftSeconds)
      try store.place.list { found throws(NetworkError) in
        let old = found.filter { object in
          guard let at = object.storedAt else { return false }
          return Self.isNamed(object.key, in: place) && at + settings.graceSeconds <= wall
        }
        for part in old.pieces(of: 100) { try remove(part, place, &collection) }
      }
    }
    let tokenizers = try tokenizerFolders(madeBefore: wall - min(wall, settings.graceSeconds))
    for part in tokenizers.pieces(of: 100) { try remove(part, ObjectName.tokenizers, &collection) }
    return collection
  }

  /// Whether a key is one that objects have; what else lies in a store is left alone.
  private static func isNamed(_ key: String, in place: String) -> Bool {
    func isHash(_ text: Substring) -> Bool {
      text.utf8.count == 64
        && text.utf8.allSatisfy {
          (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
    }
    if place == ObjectName.splitter, key.hasPrefix("leaves-0x") { return true }
    let parts = key.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, isHash(parts[1]) else { return false }
    return parts[0] == parts[1].prefix(2) || (place == ObjectName.objects && parts[0] == "vectors")
  }

  private func remove(
    _ candidates: ArraySlice<StoredObject>, _ place: String, _ collection: inout Collection
  ) throws(NetworkError) {
    let named = Dictionary(
      candidates.map { (ObjectName("\(place)\($0.key)"), $0.byteCount) },
      uniquingKeysWith: { first, _ in first })
    let names = named.keys.sorted { $0.description < $1.description }
    // Most are held: that is asked without a change.
    let free = try database.read { db in try names.filter { try !HoldStore.isHeld($0, in: db) } }
    guard !free.isEmpty else { return }
    let claimed = try database.write { db in
      try HoldStore.claimRemoval(of: free, at: seconds(in: db), in: db)
    }
    let (removed, failure) = try remove(claimed)
    collection.objects += removed.count
    collection.bytes += removed.reduce(0) { $0 + (named[$1] ?? 0) }
    collection.failure = collection.failure ?? failure
  }

  /// Has those of the objects deleted that nobody holds: by whoever deletes, when it looks next, within seconds.
  func discard(_ objects: [ObjectName]) throws(NetworkError) {
    // What lies elsewhere was copied to this machine.
    for object in objects {
      if let key = object.key(in: ObjectName.objects) { _ = try store.place.dropCopy(of: key) }
    }
    for part in objects.pieces(of: 100) {
      // Noted at no time: nothing that was asked of the store can be on its way until somebody begins.
      try database.write { db in _ = try HoldStore.claimRemoval(of: Array(part), at: 0, in: db) }
    }
  }

  /// Deletes what was noted as being deleted, and then the note; one that can't be deleted is no obstacle for the others.
  ///
  /// - Returns: what is gone, and why the first that is not could not be deleted.
  private func remove(_ claimed: [ObjectName]) throws(NetworkError) -> ([ObjectName], NetworkError?) {
    var removed: [ObjectName] = []
    var refused: [ObjectName] = []
    var failure: NetworkError?
    for object in claimed {
      // Another goes on with the notes then.
      guard isCollector else { throw .database(reason: "another server has taken over deleting objects") }
      do throws(NetworkError) {
        try delete(object)
        removed.append(object)
      } catch {
        failure = failure ?? error
        // One that may still be deleted by what was asked keeps its note.
        if Self.isRefusal(error) { refused.append(object) }
      }
    }
    let ended = removed + refused
    if !ended.isEmpty { try database.write { db in try HoldStore.endRemoval(of: ended, in: db) } }
    return (removed, failure)
  }

  private func delete(_ object: ObjectName) throws(NetworkError) {
    if let key = object.key(in: ObjectName.objects) {
      try store.place.remove(key)
    } else if let key = object.key(in: ObjectName.splitter) {
      try splitterStore.place.remove(key)
    } else if object.key(in: ObjectName.tokenizers) != nil {
      try removeTokenizer(object)
    }
  }

  /// Whether what failed with this was certainly not done, and will not be: a store that did not answer, or that it
  /// was in trouble, may yet do it.
  static func isRefusal(_ error: NetworkError) -> Bool {
    switch error {
    case .fileFailed: true
    case .storageFailed(let code, _, _): code != "storage.failed"
    default: false
    }
  }

  /// Goes on with what a server was about to delete when it ended; where there may be others, once nothing that it asked
  /// of the store can still be on its way: what is stored anew after the note is gone must not be met by that.
  ///
  /// - Returns: why the first that can't be deleted could not be.
  @discardableResult
  private func finishRemovals() throws(NetworkError) -> NetworkError? {
    var last: ObjectName?
    var failure: NetworkError?
    while isCollector {
      let left = try database.read { db in
        let now = try seconds(in: db)
        let latest = database.isShared ? now - min(now, Self.straggleSeconds) : .max
        return try HoldStore.removals(notedBy: latest, after: last, limit: 100, in: db)
      }
      if left.isEmpty { break }
      last = left.last
      // Also of those that were noted at no time something may be on its way from now on.
      try database.write { db in try HoldStore.beginRemoval(of: left, at: seconds(in: db), in: db) }
      let (_, cause) = try remove(left)
      failure = failure ?? cause
    }
    return failure
  }

  /// Ends the holds of jobs that have ended, and of what was kept for long enough.
  private func endHolds() throws(NetworkError) {
    for job in try database.read({ db in try HoldStore.endedJobs(in: db) }) {
      let contents = try database.write { db -> [ObjectName] in
        let record = try JobStore.job(job, in: db)
        guard record.status.isFinal else { return [] }
        return try HoldStore.end(record, at: seconds(in: db), in: db)
      }
      try discard(contents)
    }
    try database.write { db in
      let now = try seconds(in: db)
      try HoldStore.expire(.upload, before: now - min(now, settings.uploadSeconds), in: db)
      if let kept = settings.resultSeconds {
        try HoldStore.expire(.result, before: now - min(now, kept), in: db)
      }
    }
  }

  // MARK: - What jobs need

  /// Takes holds of all that jobs need, once: those of earlier layouts have none.
  func adoptHolds() throws(NetworkError) {
    guard try database.read({ db in try Setting.holds.text(in: db) }) != Self.holds else { return }
    try finishRemovals()
    try database.write { db in
      let known = try Setting.holds.text(in: db)
      guard known != Self.holds else { return }
      let now = try seconds(in: db)
      // Version 1 held all but tokenizers.
      let concerned = known == nil ? "" : #"WHERE request LIKE '%"tokenizer":"%'"#
      for text in try String.fetchAll(db, sql: "SELECT id FROM job \(concerned) ORDER BY number") {
        let job = try JobID(hex: text)
        let wanted: [HoldPurpose: Set<ObjectName>]
        if known == nil {
          wanted = try needs(of: job, in: db)
        } else {
          let tokenizer = try ObjectName.tokenizer(of: JobStore.request(of: job, in: db))
          wanted = [.job: Set([tokenizer].compactMap { $0 })]
        }
        for (purpose, objects) in wanted {
          try HoldStore.take(objects, for: job, purpose, at: now, in: db)
        }
      }
      for job in try HoldStore.endedJobs(in: db) {
        try HoldStore.end(JobStore.job(job, in: db), at: now, in: db)
      }
      try Setting.holds.set(Self.holds, in: db)
    }
  }

  /// Which things jobs hold: 1 was objects, 2 is tokenizers too.
  private static let holds = "2"

  /// All objects that a job names and may still need, by what it needs them for.
  func needs(of job: JobID, in db: SQLSession) throws -> [HoldPurpose: Set<ObjectName>] {
    let record = try JobStore.job(job, in: db)
    let progress = record.progress
    var needs: [HoldPurpose: Set<ObjectName>] = [:]
    needs[.job] = [.splitter(record.request.dataSet)]
    needs[.job]?.formUnion(progress.parts.map { .object($0) })
    needs[.job]?.formUnion(record.request.models.map { .object($0) })
    if let tokenizer = ObjectName.tokenizer(of: record.request) { needs[.job]?.insert(tokenizer) }
    for hash in [progress.validation].compactMap({ $0 }) { needs[.job]?.insert(.splitter(hash)) }
    if progress.plan != nil { needs[.job]?.insert(.leaves(of: job)) }
    if let round = progress.rounds.last {
      needs[.round(round.round)] = Set(
        [record.request.isTraining ? round.startingParameters : progress.result, round.velocity]
          .compactMap { $0 }.map { .object($0) })
    }
    for cohort in try CohortStore.cohorts(of: job, in: db) {
      let sums = [cohort.sum].compactMap { $0 } + cohort.wrongSums
      needs[.sums(cohort.round), default: []].formUnion(sums.map { .vector($0.content.sumRoot) })
      guard cohort.round >= record.machine.roundsComplete else { continue }
      needs[.vectors(cohort.round), default: []].formUnion(cohort.postedVectors.map { .vector($0.root) })
    }
    for subJob in try JobStore.subJobs(of: job, in: db) {
      guard let update = subJob.notes.update, subJob.position.round >= record.machine.roundsComplete else {
        continue
      }
      needs[.vectors(subJob.position.round), default: []].insert(.object(update))
    }
    for errand in try ErrandStore.answered(of: job, in: db) {
      guard let (objects, purpose) = try named(by: errand.answer ?? "", to: errand.errand, in: db) else {
        continue
      }
      // What was added is added.
      if case .vectors(let round) = purpose, round < record.machine.roundsComplete { continue }
      needs[purpose, default: []].formUnion(objects)
    }
    return needs.filter { !$0.value.isEmpty }
  }
}

extension Array {
  /// The array in slices of `size` elements, the last one shorter.
  fileprivate func pieces(of size: Int) -> some Sequence<ArraySlice<Element>> {
    stride(from: 0, to: count, by: size).lazy.map { self[$0..<Swift.min(count, $0 + size)] }
  }
}
