import Foundation
import Testing

@testable import emeth_cli

@Suite struct BenchmarkCommandTests {
  private struct Training: Decodable {
    var millisecondsPerStep: Double
    var tokensPerSecond: Double
    var peakFlops: Double
    var achievedFlops: Double
    var ratio: Double
  }

  private struct Products: Decodable {
    struct Product: Decodable {
      var m, n, k: Int
      var ratio: Double
    }

    var products: [Product]
    var peakFlops: Double
    var achievedFlops: Double
    var ratio: Double
  }

  private func benchmark(_ arguments: [String]) throws -> ProgramResult {
    try Program.run(executable: Program.url, ["benchmark"] + arguments)
  }

  @Test func aTrainingStepIsMeasuredBesideThePeak() throws {
    let arguments = [
      "train", "--preset", "tiny", "--batch", "2", "--context", "16", "--steps", "3",
      "--threads", "1", "--profile", "reproducible",
    ]
    let result = try benchmark(arguments + ["--json"])
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try result.json(Training.self)
    #expect(report.millisecondsPerStep > 0 && report.tokensPerSecond > 0)
    #expect(abs(report.tokensPerSecond * report.millisecondsPerStep / 1e3 - 32) < 1e-3)
    #expect(report.peakFlops > 0 && abs(report.ratio - report.achievedFlops / report.peakFlops) < 1e-9)
    #expect(try benchmark(arguments).output.contains("GFLOP/s"))
  }

  @Test func theProductsOfAStepAreMeasured() throws {
    let arguments = [
      "matmul", "--preset", "tiny", "--batch", "2", "--seconds", "1", "--threads", "1",
    ]
    let result = try benchmark(arguments + ["--json"])
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try result.json(Products.self)
    #expect(report.products.count == 15)
    #expect(report.products.first.map { [$0.m, $0.n, $0.k] } == [128, 384, 128])
    #expect(report.achievedFlops > 0 && report.peakFlops > 0)
    #expect(try benchmark(arguments).output.contains("feed-forward"))
  }

  private struct Served: Decodable {
    struct Rate: Decodable {
      var perSecond: Double
    }

    struct Reads: Decodable {
      var plain, jobs: Rate
      var ratio: Double
    }

    struct List: Decodable {
      var name: String
      var medianMilliseconds, slowestMilliseconds: Double
    }

    struct Change: Decodable {
      var databasePerSecond: Double
      var rate: Rate
      var ratio: Double
    }

    struct Waiting: Decodable {
      var connections, bytes: Int
    }

    var jobs: Int
    var reads: Reads
    var lists: [List]
    var changes: [Change]
    var waiting: Waiting
  }

  @Test func aServerIsMeasuredBesideItsFloors() throws {
    let result = try benchmark(
      ["server", "--jobs", "60", "--connections", "10", "--seconds", "3", "--json"])
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try result.json(Served.self)
    #expect(report.jobs == 60 && report.waiting.connections == 10 && report.waiting.bytes > 1_000_000)
    #expect(report.reads.plain.perSecond > 0 && report.reads.jobs.perSecond > 0 && report.reads.ratio > 0)
    #expect(report.lists.count == 10)
    #expect(
      report.lists.allSatisfy { $0.medianMilliseconds > 0 && $0.slowestMilliseconds >= $0.medianMilliseconds }
    )
    #expect(report.changes.count == 2)
    for change in report.changes {
      #expect(change.rate.perSecond > 0)
      #expect(abs(change.ratio - change.rate.perSecond / change.databasePerSecond) < 1e-9)
    }
  }

  private struct Gateway: Decodable {
    struct Spread: Decodable { var median, slow: Double }

    struct Streams: Decodable {
      var firstMilliseconds: Spread
      var streams: Int
      var fastestSeconds, slowestSeconds, tokensPerSecond: Double
    }

    struct Texts: Decodable {
      var firstMilliseconds, firstAloneMilliseconds, tokenMilliseconds, tokenAloneMilliseconds: Spread
    }

    struct Batch: Decodable {
      var texts: Int
      var oneTokensPerSecond, tokensPerSecond, ratio: Double
    }

    var tokens: Int
    var streams: Streams
    var texts: Texts
    var batch: Batch
  }

  @Test func aGatewayIsMeasuredBesideTheNodeAlone() throws {
    let flags = ["--preset", "tiny", "--streams", "5", "--batch", "3", "--tokens", "8", "--threads", "1"]
    let result = try benchmark(["gateway", "--json"] + flags)
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try result.json(Gateway.self)
    #expect(report.tokens == 8 && report.streams.streams == 5 && report.batch.texts == 3)
    #expect(report.streams.firstMilliseconds.median > 0 && report.streams.tokensPerSecond > 0)
    #expect(report.streams.slowestSeconds >= report.streams.fastestSeconds)
    #expect(report.texts.firstMilliseconds.median > report.texts.firstAloneMilliseconds.median)
    #expect(report.texts.tokenAloneMilliseconds.median > 0 && report.batch.ratio > 0)
    let refused = try benchmark(["gateway", "--preset", "gpt2"])
    #expect(refused.exitCode == 2 && refused.errors.contains("gpt2"))
  }

  @Test(
    "flags of another subject, profiles that do not exist and no steps are refused",
    arguments: [
      ["train", "--count", "50"], ["train", "--seconds", "2"], ["tickets", "--preset", "tiny"],
      ["matmul", "--steps", "3"], ["server", "--steps", "3"], ["train", "--jobs", "5"],
      ["server", "--jobs", "0"], ["gateway", "--streams", "251"], ["gateway", "--jobs", "5"],
      ["train", "--profile", "exact"], ["train", "--steps", "0"],
    ])
  func refused(arguments: [String]) throws {
    let result = try benchmark(arguments)
    #expect(result.exitCode == 2)
    #expect(result.output.isEmpty)
  }
}
