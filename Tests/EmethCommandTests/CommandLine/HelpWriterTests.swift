import Foundation
import Testing

@testable import emeth_cli

@Suite struct HelpWriterTests {
  private let help = HelpWriter(commands: SampleCommands.definitions)

  @Test func overviewIsAsRecorded() throws {
    try Golden.check(help.overview(), "sample-overview.txt")
  }

  @Test func commandHelpIsAsRecorded() throws {
    try Golden.check(help.text(for: SampleCommands.paint.definition), "sample-paint.txt")
    try Golden.check(help.text(for: SampleCommands.sign.definition), "sample-sign.txt")
  }

  @Test func manualIsAsRecorded() throws {
    try Golden.check(ManualPage(commands: SampleCommands.definitions).roff(), "sample-manual.roff")
  }

  @Test(arguments: [60, 80, 100])
  func noLineOfProseIsWiderThanAllowed(width: Int) {
    let help = HelpWriter(commands: SampleCommands.definitions, width: width)
    for line in help.overview().split(separator: "\n") where line.hasPrefix("   ") {
      #expect(line.count <= width)
    }
    for line in help.text(for: SampleCommands.paint.definition).split(separator: "\n")
    where line.hasPrefix("          ") {
      #expect(line.count <= width)
    }
  }

  /// Every command of the real table: names unique, required arguments first, flags unique, help in one
  /// style.
  @Test func theTableIsWellFormed() {
    let definitions = CommandTable.definitions
    #expect(Set(definitions.map(\.name)).count == definitions.count)
    for command in definitions {
      #expect(command.name.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil)
      #expect(!command.summary.hasSuffix("."), "\(command.name)")
      #expect(command.summary.count <= 60, "\(command.name): a summary is one line of the overview")
      let names = command.flags.map(\.name)
      #expect(Set(names).count == names.count, "\(command.name)")
      #expect(!names.contains("help"))
      #expect(command.flags.compactMap(\.short).count == Set(command.flags.compactMap(\.short)).count)
      let isOptional = command.arguments.map { $0.isRequired ? 0 : 1 }
      #expect(isOptional == isOptional.sorted(), "\(command.name): optional arguments come last")
      for flag in command.flags {
        #expect(flag.name.wholeMatch(of: /[a-z]+(-[a-z]+)*/) != nil)
        #expect(!flag.help.isEmpty && !flag.help.hasSuffix("."), "\(command.name) \(flag.spelling)")
      }
      for example in command.examples {
        #expect(example.line.contains("emeth \(command.name)"), "\(example.line)")
      }
    }
  }

  /// The examples in help are lines that the parser accepts.
  @Test func examplesParse() throws {
    for command in CommandTable.definitions {
      for example in command.examples {
        let start = try #require(example.line.range(of: "emeth \(command.name)"))
        let words = ShellWords.split(String(example.line[start.upperBound...]))
        #expect(throws: Never.self, "\(example.line)") {
          try CommandLineParser.parse(words, for: command)
        }
      }
    }
  }
}

/// The words of the first simple command of a shell line, quotes taken off.
enum ShellWords {
  static func split(_ line: String) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    for character in line {
      if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if "'\"".contains(character) {
        quote = character
        word = word ?? ""
      } else if "|>)&;<".contains(character) {
        break
      } else if character == " " {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let last = word { words.append(last) }
    return words
  }
}
