import EmethKit
import Testing

@Suite struct ProgramTests {
  @Test func subJobProgramsAreThoseOfTheProtocol() throws {
    let expected: [(UInt64, UInt64)] = [(1, 11), (2, 21), (999, 9_991)]
    for (parent, child) in expected {
      let id = try #require(ProgramID(rawValue: parent))
      #expect(try ProgramCatalogue.standard.subJobProgram(of: id).rawValue == child)
      #expect(id.defaultSubJobProgram?.rawValue == child)
      #expect(ProgramCatalogue.standard[id]?.id == id)
    }
    #expect(throws: ProgramError.noSubJobProgram(found: .proofOfWork)) {
      try ProgramCatalogue.standard.subJobProgram(of: .proofOfWork)
    }
    #expect(throws: ProgramError.noSubJobProgram(found: .languageModelTrainingPart)) {
      try ProgramCatalogue.standard.subJobProgram(of: .languageModelTrainingPart)
    }
    let unknown = try #require(ProgramID(rawValue: 12_345))
    #expect(throws: ProgramError.unknownProgram(found: unknown)) {
      try ProgramCatalogue.standard.subJobProgram(of: unknown)
    }
    #expect(ProgramCatalogue.standard.entries.map(\.id.rawValue) == [1, 2, 11, 21, 84, 999, 9_991])
    #expect(ProgramCatalogue.standard[.languageModelTraining]?.maximumParts == 511)
    #expect(ProgramCatalogue.standard[.proofOfWork]?.verification == .selfProving)
  }

  @Test func idsArePositiveNumbers() throws {
    #expect(ProgramID(rawValue: 0) == nil)
    #expect(ProgramID(rawValue: .max)?.defaultSubJobProgram == nil)
    #expect(ProgramID(rawValue: (.max - 1) / 10)?.defaultSubJobProgram != nil)
    #expect(ProgramID(rawValue: 9_999)?.isExternal == false)
    #expect(ProgramID(rawValue: 10_000)?.isExternal == true)
    #expect(try jsonText([ProgramID.meanOfNumbers]) == #"["999"]"#)
    #expect(try fromJSON([ProgramID].self, #"[999,"999"]"#) == [.meanOfNumbers, .meanOfNumbers])
    for wrong in ["[0]", #"["0"]"#, #"["01"]"#, "[-1]", #"["x"]"#] {
      #expect(throws: DecodingError.self) { try fromJSON([ProgramID].self, wrong) }
    }
  }

  @Test func cataloguesAreConsistent() throws {
    let id = try #require(ProgramID(rawValue: 10_000))
    let child = try #require(ProgramID(rawValue: 100_001))
    let part = ProgramEntry(id: child, name: "part", verification: .redundancy)
    let whole = ProgramEntry(id: id, name: "whole", subJobProgram: child, verification: .redundancy)
    #expect(throws: ProgramError.subJobProgramMissing(parent: id, found: child)) {
      try ProgramCatalogue([whole])
    }
    #expect(throws: ProgramError.duplicateProgram(found: id)) { try ProgramCatalogue([whole, part, whole]) }
    let catalogue = try ProgramCatalogue.standard.adding(part).adding(whole)
    #expect(try catalogue.subJobProgram(of: id) == child)
    #expect(try fromJSON(ProgramCatalogue.self, jsonText(catalogue)) == catalogue)
    let broken = try jsonText([whole])
    #expect(throws: DecodingError.self) { try fromJSON(ProgramCatalogue.self, broken) }
  }
}
