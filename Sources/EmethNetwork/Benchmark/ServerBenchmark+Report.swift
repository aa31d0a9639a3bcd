extension ServerBenchmark {
  /// What was measured.
  public struct Report: Codable, Sendable {
    /// How fast one kind of request was answered.
    public struct Rate: Codable, Sendable {
      /// By the clock on the wall, while server and client shared the machine.
      public var perSecond: Double
      /// For each second of the server's processor time; 0 where that can't be read.
      public var perProcessorSecond: Double
      /// What half of them took at most.
      public var medianMilliseconds: Double
      /// What all but one in a hundred took at most.
      public var slowMilliseconds: Double
    }

    /// Reads of one job each.
    public struct Reads: Codable, Sendable {
      /// The plain handler.
      public var plain: Rate
      /// A job that was asked for before, another one each time.
      public var jobs: Rate
      /// Of the plain handler's rate, both by processor time.
      public var ratio: Double
    }

    /// One page of a list.
    public struct List: Codable, Sendable {
      /// What is listed, for people.
      public var name: String
      /// The path with its query.
      public var path: String
      /// Of thirty times.
      public var medianMilliseconds: Double
      /// Of thirty times.
      public var slowestMilliseconds: Double
    }

    /// Signed requests that change something, each durable when it is answered.
    public struct Change: Codable, Sendable {
      /// What is asked for, for people.
      public var name: String
      /// Transactions of one row each by the database alone.
      public var databasePerSecond: Double
      /// Of the whole server.
      public var rate: Rate
      /// Of the database's rate, both by the clock on the wall.
      public var ratio: Double
    }

    /// Nodes that wait for work, each over a connection of its own.
    public struct Waiting: Codable, Sendable {
      /// How many.
      public var connections: Int
      /// The server's memory before them.
      public var bytesBefore: Int
      /// The most with them.
      public var bytes: Int
    }

    /// The database: `SQLite`, or the URL without a password.
    public var database: String
    /// Open jobs, all the time.
    public var jobs: Int
    /// Of the machine, on which the client works too.
    public var cores: Int
    /// Reads of one job each.
    public var reads: Reads
    /// Pages of lists.
    public var lists: [List]
    /// State changes.
    public var changes: [Change]
    /// Nodes that wait.
    public var waiting: Waiting
  }
}

extension ServerBenchmark.Report.Rate {
  init(_ outcome: HTTPLoad.Outcome, processorSeconds: Double) {
    let sorted = outcome.latencies.sorted()
    func share(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] * 1e3
    }
    self.init(
      perSecond: Double(outcome.answers) / max(outcome.seconds, 1e-9),
      perProcessorSecond: processorSeconds > 0 ? Double(outcome.answers) / processorSeconds : 0,
      medianMilliseconds: share(0.5), slowMilliseconds: share(0.99))
  }

  /// Each figure's median.
  init(medianOf rates: [Self]) {
    func median(_ figure: (Self) -> Double) -> Double {
      let sorted = rates.map(figure).sorted()
      return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
    self.init(
      perSecond: median(\.perSecond), perProcessorSecond: median(\.perProcessorSecond),
      medianMilliseconds: median(\.medianMilliseconds), slowMilliseconds: median(\.slowMilliseconds))
  }
}
