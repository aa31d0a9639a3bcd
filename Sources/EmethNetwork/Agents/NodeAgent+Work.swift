import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// Taking, computing, handing in.
extension NodeAgent {
  /// One worker: one SubJob after another.
  func work(on device: DeviceChoice) async -> Bool {
    do throws(NetworkError) {
      let lane = try AgentLane(threads: settings.threads, device: device)
      while !Task.isCancelled {
        if let subJob = resumed() {
          await attend(to: subJob, on: lane)
        } else if state.withLock({ $0.isPaused || $0.isDraining }) {
          await pause(0.25)
        } else if await canCompute(on: lane, device), let subJob = await nextSubJob(for: lane) {
          await attend(to: subJob, on: lane)
        }
      }
    } catch {
      report("computing", error)
    }
    return false
  }

  /// Whether the worker's device is there. While a GPU that was lost stays away nothing is taken that would be given up.
  private func canCompute(on lane: AgentLane, _ device: DeviceChoice) async -> Bool {
    do throws(NetworkError) {
      try await lane.run { _ in }
      return true
    } catch {
      report("opening \(device) anew", error)
      await pause(10)
      return false
    }
  }

  private func resumed() -> JobID? {
    state.withLock { state in
      guard let subJob = state.resumed.popLast() else { return nil }
      state.busy.insert(subJob)
      return subJob
    }
  }

  /// A SubJob to take, which no other worker has in hand; nil when there was none for a while.
  private func nextSubJob(for lane: AgentLane) async -> JobID? {
    do throws(NetworkError) {
      var filter = filter
      filter.seen = state.withLock { $0.seen.mark }
      let asked = ContinuousClock.now
      let offers = try await connection.openSubJobs(filter, waitingUpTo: settings.patience)
      if offers.isEmpty {
        state.withLock { $0.seen = SeenOffers() }
        return nil
      }
      let money = try await connection.balances().unspent
      // Deadlines are the network's: whatever this machine's clock shows.
      let facts = try await connection.facts()
      for offer in ordered(offers)
      where offer.deposit <= money && canCompute(offer) && !isAvoided(offer)
        && pace.canEnd(
          Workload(offer), by: offer.deadline, at: facts.time, openingSeconds: facts.periods.openingSeconds)
      {
        guard await hasRoom(for: offer, on: lane) else { continue }
        guard state.withLock({ $0.busy.insert(offer.id).inserted }) else { continue }
        return offer.id
      }
      // What is there now is nothing for this node: it asks for another list.
      await pause(state.withLock { $0.seen.note(offers, asked: asked, patience: settings.patience) })
    } catch {
      report("looking for SubJobs", error)
      await pause(Double.random(in: 0.5...1.5))
    }
    return nil
  }

  /// The best paid first; of those that pay the same every node begins with another.
  private func ordered(_ offers: [SubJobOffer]) -> [SubJobOffer] {
    let keyed = offers.map { ($0, SHA256.hash(node.address.bytes + $0.id.bytes).bytes) }
    return keyed.sorted { one, other in
      one.0.fuelPrice == other.0.fuelPrice
        ? one.1.lexicographicallyPrecedes(other.1) : one.0.fuelPrice > other.0.fuelPrice
    }.map(\.0)
  }

  /// Brings a SubJob to its submission, whatever was done of it before. Nothing is lost when it is stopped
  /// anywhere.
  private func attend(to subJob: JobID, on lane: AgentLane) async {
    defer {
      state.withLock { state in
        state.busy.remove(subJob)
        // What it was too busy for, or had no money for, may be something for it now.
        state.seen = SeenOffers()
      }
    }
    do throws(NetworkError) {
      try journal.begin(subJob)
      guard let assignment = try await take(subJob) else { return }
      onEvent(.took(subJob))
      guard let result = try await compute(assignment, on: lane) else { return }
      guard let result = result.0 else { return await waitOut(subJob) }
      try await untilAnswered("handing in SubJob \(subJob)") { () throws(NetworkError) in
        try await connection.submit(result)
      }
      onEvent(.submitted(subJob))
    } catch {
      report("SubJob \(subJob)", error)
      // Whoever refuses for good has given it to another, or ended it: putting away finds out.
      if !error.isFinalAnswer { await pause(0.5) }
    }
  }

  /// Takes a SubJob; nil when it is not this node's to compute any more.
  func take(_ subJob: JobID) async throws(NetworkError) -> Assignment? {
    var binding: SignedKeyBinding { node.binding(expiry: secondsNow() + 30 * 86_400) }
    do throws(NetworkError) {
      return try await untilAnswered("taking SubJob \(subJob)") { () throws(NetworkError) in
        try await connection.process(subJob, binding: binding)
      }
    } catch {
      guard error.isFinalAnswer else { throw error }
      let standing: SubJobState
      do throws(NetworkError) {
        standing = try await untilAnswered("asking for SubJob \(subJob)") { () throws(NetworkError) in
          try await connection.state(of: subJob)
        }
      } catch {
        guard error.code == NetworkError.unknownJob(id: "\(subJob)").code else { throw error }
        try forget(subJob)
        return nil
      }
      // What is ours and submitted is kept for errands; what is another's is nothing to us.
      if standing.node != node.address { try forget(subJob) }
      return nil
    }
  }

  /// Computes while it renews the lease. nil: it was lost on the way. A result of nil: a node that shows no
  /// result.
  private func compute(
    _ assignment: Assignment, on lane: AgentLane
  ) async throws(NetworkError) -> (NodeResult?, Void)? {
    let subJob = assignment.subJob
    let stop = StopFlag()
    let renewal = Task { await renew(subJob, stop) }
    do throws(NetworkError) {
      let computed = try await compute(assignment, on: lane, stop)
      await end(renewal)
      return computed
    } catch {
      await end(renewal)
      throw error
    }
  }

  /// Ends a renewal and waits until it has: who stops an agent may start the next one in its folder at once.
  private func end(_ renewal: Task<Void, Never>) async {
    renewal.cancel()
    await renewal.value
  }

  private func compute(
    _ assignment: Assignment, on lane: AgentLane, _ stop: StopFlag
  ) async throws(NetworkError) -> (NodeResult?, Void)? {
    let subJob = assignment.subJob
    let began = ContinuousClock.now
    do throws(NetworkError) {
      let isTraining = assignment.program == nil
      try await fetchData(of: assignment)
      // What a killed process has computed says nothing of how fast this is.
      let isNew = try NodeVault(node: node.folder, subJob: subJob).record() == nil
      let result: NodeResult?
      if isTraining {
        var own = try await train(assignment, on: lane, stop)
        // A worker's is its master's.
        if own != nil, assignment.owner != nil { own?.output = try await handOver(subJob, on: lane) }
        result = own
      } else {
        result = try await computePart(assignment, on: lane, stop)
      }
      // A no comes sooner than an output, and is paid as if all had been computed.
      if isNew, let result, result.refusal == nil {
        do throws(NetworkError) {
          try learn(assignment, result, seconds: (ContinuousClock.now - began) / .seconds(1))
        } catch {
          // The work is done: nobody gives it up because its speed can't be written down.
          report("keeping the speed", error)
        }
      }
      return (result, ())
    } catch {
      if Task.isCancelled { throw .interrupted }
      // A lease that is gone: nobody wants the result.
      if stop.isRaised { return nil }
      let reason = error.message
      if assignment.program != nil || !error.isOfDevice { avoid(assignment.position.parent) }
      if case .moduleCutShort = error { noteLoss(over: assignment) }
      try await untilAnswered("giving SubJob \(subJob) up") { () throws(NetworkError) in
        try await connection.decline(subJob, reason: reason)
      }
      onEvent(.declined(subJob, reason: reason))
      return nil
    }
  }

  /// Fetches a SubJob's part, and the parameters that a training begins with.
  private func fetchData(of assignment: Assignment) async throws(NetworkError) {
    let isTraining = assignment.program == nil
    for object in [assignment.data] + (isTraining ? [assignment.startingParameters] : []) {
      let wasThere = try node.store.contains(object)
      let began = ContinuousClock.now
      try await untilAnswered("fetching what SubJob \(assignment.subJob) needs") { () throws(NetworkError) in
        try await connection.fetch(object: object, into: node.store)
      }
      guard !wasThere, let byteCount = node.store.byteCount(of: object) else { continue }
      do throws(NetworkError) {
        try pace.learn(fetched: byteCount, seconds: (ContinuousClock.now - began) / .seconds(1))
      } catch {
        report("keeping the speed", error)
      }
    }
  }

  private func train(
    _ assignment: Assignment, on lane: AgentLane, _ stop: StopFlag
  ) async throws(NetworkError) -> NodeResult? {
    let (own, tell, subJob) = (node, onEvent, assignment.subJob)
    let steps = try asNetworkError { try TrainingManifest(json: assignment.manifest).stepsPerRound }
    let models = models
    return try await raising(stop) { () async throws(NetworkError) in
      try await lane.run { device in
        // A model that text was generated with would take the training's room.
        models.letGo()
        var done = 0
        return try own.compute(assignment, on: device, stop: stop) { report in
          done += 1
          tell(.step(subJob, AgentEvent.StepProgress(step: done, of: Int(steps), loss: report.loss)))
        }
      }
    }
  }

  private func learn(
    _ assignment: Assignment, _ result: NodeResult, seconds: Double
  ) throws(NetworkError) {
    let program = assignment.program ?? .languageModelTrainingPart
    // What was used may be less than what may be.
    let fuel = Fuel(units: result.submission.submission.fuelUsed)
    guard let next = try pace.learn(program, fuel: fuel, seconds: seconds) else { return }
    onEvent(.speed(program: program, fuelPerSecond: next))
  }

  /// Renews a lease until cancelled; raises `stop` when there is nothing to renew any more.
  func renew(_ subJob: JobID, _ stop: StopFlag) async {
    var seconds = 0.1
    while !Task.isCancelled {
      await pause(seconds)
      if Task.isCancelled { return }
      do throws(NetworkError) {
        try await connection.renew(subJob)
        let periods = try await connection.facts().periods
        seconds = min(Double(periods.leaseRenewalSeconds), Double(periods.leaseSeconds) / 3)
      } catch {
        report("renewing the lease of SubJob \(subJob)", error)
        if error.endsTheWork { return stop.raise() }
        // Soon again: a lease is three renewals long.
        seconds = min(0.5, seconds)
      }
    }
  }

  /// A node that took a SubJob and never answers (a fault) does not take it up again.
  private func waitOut(_ subJob: JobID) async {
    while !Task.isCancelled {
      if let standing = try? await connection.state(of: subJob), standing.status.isFinal { return }
      await pause(1)
    }
  }

  /// Asks again until the network answers, or the task is cancelled.
  func untilAnswered<Value>(
    _ what: String, _ body: () async throws(NetworkError) -> Value
  ) async throws(NetworkError) -> Value {
    var seconds = 0.1
    while true {
      if Task.isCancelled { throw .interrupted }
      do throws(NetworkError) {
        return try await body()
      } catch {
        if error.isFinalAnswer || Task.isCancelled { throw error }
        report(what, error)
      }
      await pause(seconds * Double.random(in: 0.5...1.5))
      seconds = min(30, seconds * 2)
    }
  }
}
